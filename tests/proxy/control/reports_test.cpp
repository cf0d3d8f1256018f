#include "proxy/control/reports.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/control/memory_report.hpp"

namespace smtpguard::control {
namespace {

using testing::HasSubstr;

TEST(StatusReport, SaysWhetherTheBackendAnswers) {
  StatusReport report;
  report.backends = {{"192.0.2.1:25", "xclient", true},
                     {"192.0.2.2:25", "none", false},
                     {"192.0.2.3:25", "none", {}}};
  const std::string text = render(report, Form::Text);
  EXPECT_THAT(text, HasSubstr("192.0.2.1:25 (xclient) answers\n"));
  EXPECT_THAT(text, HasSubstr("192.0.2.2:25 (none) does not answer\n"));
  EXPECT_THAT(text, HasSubstr("192.0.2.3:25 (none) was not tried yet\n"));
  const std::string json = render(report, Form::Json);
  EXPECT_THAT(json, HasSubstr(R"("identity":"xclient","state":"up")"));
  EXPECT_THAT(json, HasSubstr(R"("state":"down")"));
  EXPECT_THAT(json, HasSubstr(R"("state":"unknown")"));
}

TEST(StatusReport, SaysHowOldItsWordOnABackendIs) {
  StatusReport report;
  report.backends = {{"192.0.2.1:25", "xclient", true, std::chrono::minutes(187)},
                     {"192.0.2.2:25", "none", false, Milliseconds(61'400)}};
  const std::string text = render(report, Form::Text);
  EXPECT_THAT(text, HasSubstr("192.0.2.1:25 (xclient) answers, last heard 3h7m ago\n"));
  EXPECT_THAT(text, HasSubstr("192.0.2.2:25 (none) does not answer, last heard 1m1s ago\n"));
  EXPECT_THAT(render(report, Form::Json), HasSubstr(R"("heard_seconds_ago":61.4)"));
}

TEST(StatusReport, SaysHowManyLoopsAWorkerHasAndSinceWhenItCounts) {
  StatusReport report;
  report.worker_pid = 12;
  report.event_loops = 4;
  report.worker_since = "2026-11-29T00:00:00.000Z";
  report.ended = 3;
  const std::string text = render(report, Form::Text);
  EXPECT_THAT(text, HasSubstr(", worker 12 with 4 event loops, "));
  EXPECT_THAT(text, HasSubstr("3 sessions ended since 2026-11-29T00:00:00.000Z; "));
  EXPECT_THAT(render(report, Form::Json), HasSubstr(R"("event_loops":4)"));
}

TEST(StatusReport, NamesTheCeilingOfMemoryIfThereIsOne) {
  StatusReport report;
  report.most_connections = 1000;
  EXPECT_THAT(render(report, Form::Text), HasSubstr("0 visitors, 1000 connections at most\n"));
  report.most_memory = 512'000'000;
  EXPECT_THAT(render(report, Form::Text),
              HasSubstr("1000 connections and 512.0 MB of memory at most\n"));
}

TEST(StatusReport, NamesTheListsThatDoNotWorkAndWhatHelps) {
  StatusReport report;
  ListReport list;
  list.zone = "bl.example";
  list.state = "out";
  list.trouble = "127.255.255.254: the list does not answer public resolvers";
  list.remedy = "use a resolver of your own";
  list.since = std::chrono::minutes(3);
  report.lists_in_trouble = {list};
  EXPECT_THAT(render(report, Form::Text),
              HasSubstr("dns list       bl.example is out: 127.255.255.254: the list does not "
                        "answer public resolvers (for 3m); use a resolver of your own\n"));
  EXPECT_THAT(render(report, Form::Json), HasSubstr(R"("zone":"bl.example","state":"out")"));
}

TEST(StatusReport, TellsOfWorkersThatDrainAndSinceWhenItStops) {
  StatusReport report;
  report.version = "1";
  report.state = "running";
  report.started = "2026-11-28T06:12:35Z";
  EXPECT_THAT(render(report, Form::Text), HasSubstr("running since 2026-11-28T06:12:35Z ("));
  report.state = "stopping";
  report.stopping_since = "2026-11-28T07:00:00Z";
  report.draining = {{71, 3, Milliseconds(2500)}};
  const std::string text = render(report, Form::Text);
  EXPECT_THAT(text, HasSubstr("stopping since 2026-11-28T07:00:00Z, started 2026-11-28T06:12:35Z"));
  EXPECT_THAT(text, HasSubstr("draining       worker 71: 3 sessions left, for 2.5s at most\n"));
  const std::string json = render(report, Form::Json);
  EXPECT_THAT(json, HasSubstr(R"("stopping_since":"2026-11-28T07:00:00Z")"));
  EXPECT_THAT(json, HasSubstr(R"("draining":[{"pid":71,"sessions":3,"seconds_left":2.5}])"));
}

TEST(SessionsReport, NamesSessionsOfWorkersThatDrain) {
  SessionsReport report;
  report.draining = {{71, 3, Milliseconds(2500)}};
  EXPECT_THAT(render(report, Form::Text), HasSubstr("and 3 of worker 71, which drains\n"));
  EXPECT_THAT(render(report, Form::Json), HasSubstr(R"("pid":71)"));
}

TEST(StatusReport, CountsAsPeopleDo) {
  StatusReport report;
  report.sessions = 1;
  report.visitors = 2;
  report.ended = 1;
  report.crashes = 1;
  const std::string text = render(report, Form::Text);
  EXPECT_THAT(text, HasSubstr("1 session and 2 visitors, 0 connections at most\n"));
  EXPECT_THAT(text, HasSubstr("1 session ended since "));
  EXPECT_THAT(text, HasSubstr("0 log lines lost, 1 crash"));
  report.slowed = 3;
  EXPECT_THAT(render(report, Form::Text), HasSubstr(" at most; 3 in the tarpit\n"));
  SessionsReport sessions;
  sessions.sessions.push_back({"id", "192.0.2.1:99", "after EHLO", "x", 1, 7});
  EXPECT_THAT(render(sessions, Form::Text), testing::EndsWith("1 session, 0 visitors"));
}

TEST(Json, HasNumbersAsPeopleWriteThem) {
  SessionsReport report;
  report.sessions.push_back({"id", "192.0.2.1:99", "after EHLO", "x", 1234.567, 7});
  report.sessions.push_back({"id", "192.0.2.1:99", "after EHLO", "x", 0.05, 7});
  const std::string json = render(report, Form::Json);
  EXPECT_THAT(json, HasSubstr("\"seconds\":1234.567,"));
  EXPECT_THAT(json, HasSubstr("\"seconds\":0.05,"));
}

TEST(ListsReport, TellsOfEachListWhatItWasWorth) {
  ListsReport report;
  report.sessions = 1000;
  ListReport list;
  list.zone = "bl.example";
  list.state = "works";
  list.questions = 900;
  list.timeouts = 3;
  list.median = Milliseconds(10);
  list.p95 = Milliseconds(50);
  list.hits = 200;
  list.alone = 20;
  list.with = {{"zen", 180}};
  report.lists = {list};
  const std::string text = render(report, Form::Text);
  EXPECT_THAT(text,
              testing::ContainsRegex("bl.example +works +900 +3 +0 +10 +50 +200 +20 +zen 180\n"));
  EXPECT_THAT(text, testing::EndsWith("1000 sessions since start"));
  report.sessions = 1;
  EXPECT_THAT(render(report, Form::Text), testing::EndsWith("1 session since start"));
  EXPECT_THAT(render(report, Form::Json), HasSubstr(R"("hits":200,"alone":20,"with":{"zen":180})"));
}

TEST(MemoryReport, SaysWhatAClientHasNotShownYet) {
  namespace memory = filters::memory;
  MemoryReport report;
  report.now = memory::moment_at(2'000'000'000);
  memory::Record record;
  record.key = memory::Key::address(IpAddress::parse("192.0.2.9").value());
  record.holds_until[1] = memory::moment_at(2'000'000'000);
  report.records = {record};
  const std::string text = render(report, Form::Text);
  EXPECT_THAT(text, HasSubstr("waits for greeting not seen yet\n"));
  EXPECT_THAT(text, HasSubstr("waits for replies  until 2033-05-18"));
}

TEST(SessionsReport, LetsNoClientDriveATerminal) {
  SessionsReport report;
  report.sessions.push_back({"id", "192.0.2.1:99", "after EHLO", "a\x1b[2J\"", 1.5, 7});
  report.left_out = 2;
  for (const Form form : {Form::Text, Form::Json}) {
    EXPECT_EQ(render(report, form).find('\x1b'), std::string::npos);
  }
  EXPECT_THAT(render(report, Form::Text), HasSubstr("and 2 younger ones\n3 sessions, 0 visitors"));
}

TEST(Outcome, IsAlsoSaidInJson) {
  EXPECT_EQ(render_done("draining", Form::Text), "draining");
  EXPECT_EQ(render_done("draining", Form::Json), R"({"done":"draining"})");
  EXPECT_EQ(render_error("a \"b\"", Form::Json), R"({"error":"a \"b\""})");
}

}  // namespace
}  // namespace smtpguard::control
