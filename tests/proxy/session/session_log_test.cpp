#include "proxy/session/session_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smtpguard::session {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Lines final : public LogSink {
 public:
  explicit Lines(std::vector<std::string>& lines) : lines_(lines) {}
  bool write(Severity /*severity*/, std::string_view line) override {
    lines_.emplace_back(line);
    return true;
  }

 private:
  std::vector<std::string>& lines_;
};

class SessionLogTest : public testing::Test {
 protected:
  SessionLogTest() {
    text_.add(std::make_unique<Lines>(text_lines_));
    json_.add(std::make_unique<Lines>(json_lines_));
    facts_.id = "abc";
    facts_.client = Endpoint::parse("192.0.2.9:4000").value();
    facts_.listener = Endpoint::parse("[2001:db8::25]:25").value();
  }

  Log text_;
  Log json_;
  std::vector<std::string> text_lines_;
  std::vector<std::string> json_lines_;
  filters::SessionFacts facts_;
};

TEST_F(SessionLogTest, SaysTheSameAsTextAndAsJson) {
  SessionLog log(text_, json_, text_, true);
  log.connect(facts_, {}, nullptr);
  EXPECT_THAT(text_lines_, ElementsAre("session=abc event=connect client=192.0.2.9:4000 "
                                       "listener=[2001:db8::25]:25"));
  ASSERT_EQ(json_lines_.size(), 1U);
  EXPECT_THAT(json_lines_[0], StartsWith("{\"time\":\"20"));
  EXPECT_THAT(json_lines_[0],
              HasSubstr("\"session\":\"abc\",\"event\":\"connect\",\"client\":\"192.0.2.9:4000\""));
}

TEST_F(SessionLogTest, EscapesWhatTheClientSaid) {
  SessionLog log(text_, json_, text_, true);
  log.early(facts_, {"early", "connect", "GET / \x1b[31m\r\nevent=end", 20, 0.5});
  ASSERT_EQ(text_lines_.size(), 1U);
  EXPECT_THAT(text_lines_[0], HasSubstr(R"(text="GET / \x1B[31m\r\nevent=end")"));
  EXPECT_THAT(text_lines_[0], Not(HasSubstr("\n")));
}

TEST_F(SessionLogTest, TellsHowAFindingCounts) {
  using filters::Outcome;
  SessionLog log(text_, json_, text_, true);
  log.finding(facts_, {"pipelining", Outcome::Fail, filters::points(4), "once"}, "default", false);
  log.finding(facts_, {"helo.self", Outcome::Fail, filters::kRequire, "mx"}, "default", false);
  log.finding(facts_, {"rdns.none", Outcome::Fail, filters::points(4), "no PTR"}, "default", true);
  log.finding(facts_, {"network.cloud", Outcome::Fail, filters::kObserve, "aws"}, "own", true);
  log.finding(facts_, {"rdns.none", Outcome::TempError, filters::points(4), "timeout"}, "own",
              false);
  const std::string begin = "session=abc event=finding test=";
  EXPECT_THAT(
      text_lines_,
      ElementsAre(
          begin + "pipelining outcome=fail mode=score score=4 policy=default evidence=once",
          begin + "helo.self outcome=fail mode=require policy=default evidence=mx",
          begin + "rdns.none outcome=fail mode=observe would=4 policy=default evidence=\"no PTR\"",
          begin + "network.cloud outcome=fail mode=observe policy=own evidence=aws",
          begin + "rdns.none outcome=temperror mode=score policy=own evidence=timeout"));
}

TEST_F(SessionLogTest, TellsTheSummaryEvenWithoutEvents) {
  SessionLog log(text_, json_, text_, false);
  filters::SessionRecord record;
  record.ending = filters::Ending::Quit;
  record.transactions = 1;
  record.sender = "<a@b>";
  record.add_recipient("u@example.org", 250);
  record.delivered = 1;
  log.connect(facts_, {}, nullptr);
  log.end(facts_, record, record.began + Milliseconds(1500));
  ASSERT_EQ(text_lines_.size(), 1U);
  EXPECT_EQ(
      text_lines_[0],
      "session=abc event=summary client=192.0.2.9:4000 helo=\"\" from=<a@b> "
      "rcpt=<u@example.org>:250 delivered=1 refused=0 deferred=0 bytes=0 class=delivered how=quit "
      "commands=0 seconds=1.500");
}

}  // namespace
}  // namespace smtpguard::session
