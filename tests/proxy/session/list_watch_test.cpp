// ListWatch with a resolver that the test answers for, and a time that it moves.
#include "proxy/session/list_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/fake_resolver.hpp"
#include "tests/support/manual_loop.hpp"

namespace smtpguard::session {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Lines final : public LogSink {
 public:
  explicit Lines(std::vector<std::string>& to) : to_(to) {}
  bool write(Severity /*severity*/, std::string_view line) override {
    to_.emplace_back(line);
    return true;
  }

 private:
  std::vector<std::string>& to_;
};

const std::string kWorks = "2.0.0.127.bl.example A 60 127.0.0.2\n";
const std::string kWorksForIpv6 =
    "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.example A 60 127.0.0.2\n";

filters::DnsList list(bool is_self_tested = true) {
  filters::DnsList made;
  made.zone = made.label = made.shown_zone = "bl.example";
  made.codes = {dns::usual_codes()};
  made.worths = {{4, ""}};
  made.is_self_tested = is_self_tested;
  made.has_ipv6 = false;
  return made;
}

class ListWatchTest : public testing::Test {
 protected:
  // Answers change from one test to the next.
  class Changing final : public dns::Resolver {
   public:
    explicit Changing(dns::Loop& loop) : delivery_(loop) {}
    dns::LookupHandle ask(const dns::Question& question, dns::Sink sink) override {
      ++asked;
      auto lookup = std::make_shared<dns::Lookup>(std::move(sink));
      delivery_.post(lookup, answers.find(question).answer);
      return dns::LookupHandle(std::move(lookup));
    }
    dns::FakeAnswers answers;
    int asked = 0;

   private:
    dns::Delivery delivery_;
  };

  ListWatchTest() { log.add(std::make_unique<Lines>(lines)); }
  void answer(const std::string& text) { resolver.answers = dns::FakeAnswers::parse(text).value(); }
  const std::string* trouble() const { return watch.health()->trouble_of("bl.example"); }

  test::ManualLoop loop;
  Changing resolver{loop};
  std::vector<std::string> lines;
  Log log;
  ListWatch watch{resolver, loop, log};
};

TEST_F(ListWatchTest, AListCountsOnceItIsTested) {
  answer(kWorks);
  watch.watch({list()});
  ASSERT_NE(trouble(), nullptr);
  EXPECT_EQ(*trouble(), "not tested yet");
  loop.run();
  EXPECT_EQ(trouble(), nullptr);
  EXPECT_THAT(lines, IsEmpty());
}

TEST_F(ListWatchTest, IsAskedAtStartAndEveryHour) {
  answer(kWorks);
  watch.watch({list()});
  loop.advance(59min);
  EXPECT_EQ(resolver.asked, 2);
  loop.advance(2min);
  EXPECT_EQ(resolver.asked, 4);
}

TEST_F(ListWatchTest, AListThatListsEverybodyIsOutUntilItRecovers) {
  answer(kWorks);
  watch.watch({list()});
  loop.advance(1min);
  answer("*.bl.example A 60 127.0.0.2\n");
  loop.advance(1h);
  ASSERT_NE(trouble(), nullptr);
  EXPECT_THAT(*trouble(), HasSubstr("everybody"));
  answer(kWorks);
  loop.advance(61s + 5s);
  EXPECT_EQ(trouble(), nullptr);
  EXPECT_THAT(lines,
              ElementsAre(HasSubstr("list_trouble zone=bl.example label=bl.example trouble=\"it "
                                    "lists 127.0.0.1"),
                          "list_works zone=bl.example label=bl.example"));
}

TEST_F(ListWatchTest, AListThatListsNobodyIsOut) {
  answer("");
  watch.watch({list()});
  loop.run();
  ASSERT_NE(trouble(), nullptr);
  EXPECT_THAT(*trouble(), HasSubstr("nobody"));
  EXPECT_THAT(lines, ElementsAre(HasSubstr("self_test = false")));
}

TEST_F(ListWatchTest, TellsOfTroubleOnceAnHour) {
  answer("");
  watch.watch({list()});
  loop.advance(59min);
  EXPECT_EQ(lines.size(), 1U);
  loop.advance(2min);
  EXPECT_EQ(lines.size(), 2U);
}

TEST_F(ListWatchTest, TroubleThatComesBackSoonIsNews) {
  answer("");
  watch.watch({list()});
  loop.advance(1min);
  answer(kWorks);
  loop.advance(65s);
  answer("*.bl.example A 60 127.255.255.254\n");
  loop.advance(2min);
  watch.on_trouble("bl.example", "bl.example: 127.255.255.254: ...");
  loop.advance(1s);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("list_trouble"), HasSubstr("list_works"),
                                 HasSubstr("list_trouble")));
}

TEST_F(ListWatchTest, AListThatWorkedAndIsSilentOnceStillCounts) {
  answer(kWorks);
  watch.watch({list()});
  loop.advance(1min);
  answer("*.bl.example ANY TIMEOUT\n");
  loop.advance(1h - 30s);
  EXPECT_EQ(trouble(), nullptr);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("self-test: timeout")));
  loop.advance(2min);
  EXPECT_NE(trouble(), nullptr) << "silent twice: nobody shall wait for it";
}

TEST_F(ListWatchTest, AListThatNeverAnsweredIsTriedAgainSoon) {
  answer("*.bl.example ANY TIMEOUT\n");
  watch.watch({list()});
  loop.run();
  ASSERT_NE(trouble(), nullptr);
  answer(kWorks);
  loop.advance(15s);
  EXPECT_EQ(trouble(), nullptr);
}

TEST_F(ListWatchTest, WhatASessionMetMakesItTestAtOnce) {
  answer(kWorks);
  watch.watch({list()});
  loop.advance(10min);
  answer("*.bl.example A 60 127.255.255.254\n");
  watch.on_trouble("bl.example", "bl.example: 127.255.255.254: ...");
  EXPECT_EQ(trouble(), nullptr);
  loop.run();
  ASSERT_NE(trouble(), nullptr);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("remedy=\"use a resolver of your own")));
  watch.on_trouble("bl.example", "again");
  loop.run();
  EXPECT_EQ(lines.size(), 1U);
}

TEST_F(ListWatchTest, WhatASessionMetIsToldThoughTheTestGoesWell) {
  answer(kWorks);
  watch.watch({list()});
  loop.advance(10min);
  watch.on_trouble("bl.example", "bl.example: server_failure");
  loop.run();
  EXPECT_EQ(trouble(), nullptr);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("server_failure")));
}

TEST_F(ListWatchTest, ASessionFromBeforeTheFirstTestBringsNoNews) {
  answer(kWorks);
  watch.watch({list()});
  loop.run();
  watch.on_trouble("bl.example", "bl.example: not tested yet");
  loop.run();
  EXPECT_TRUE(lines.empty());
}

TEST_F(ListWatchTest, AListWithoutTestEntriesAlwaysCounts) {
  answer("");
  watch.watch({list(false)});
  loop.advance(2h);
  EXPECT_EQ(trouble(), nullptr);
  EXPECT_EQ(resolver.asked, 0);
  watch.on_trouble("bl.example", "bl.example: refused");
  watch.on_trouble("bl.example", "bl.example: refused");
  EXPECT_THAT(lines, ElementsAre(HasSubstr("trouble=\"bl.example: refused\"")));
  watch.on_trouble("other", "unknown list");
}

TEST_F(ListWatchTest, ANewConfigurationKeepsWhatIsKnown) {
  answer(kWorks);
  watch.watch({list()});
  loop.run();
  auto second = list();
  second.zone = second.label = second.shown_zone = "other.example";
  watch.watch({list(), second});
  EXPECT_EQ(trouble(), nullptr);
  ASSERT_NE(watch.health()->trouble_of("other.example"), nullptr);
  loop.run();
  EXPECT_THAT(*watch.health()->trouble_of("other.example"), HasSubstr("nobody"));
}

TEST_F(ListWatchTest, TestsIpv6WhereAListHasNothingElse) {
  answer(kWorksForIpv6);
  auto six = list();
  six.has_ipv4 = false;
  six.has_ipv6 = true;
  watch.watch({six});
  loop.run();
  EXPECT_EQ(watch.health()->trouble_of("bl.example", dns::EntryKind::Ipv6), nullptr);
}

TEST_F(ListWatchTest, AListWithoutIpv6EntriesCountsForIpv4AllTheSame) {
  answer(kWorks);
  auto both = list();
  both.has_ipv6 = true;
  watch.watch({both});
  loop.advance(5h);
  EXPECT_EQ(trouble(), nullptr);
  const std::string* six = watch.health()->trouble_of("bl.example", dns::EntryKind::Ipv6);
  ASSERT_NE(six, nullptr);
  EXPECT_THAT(*six, HasSubstr("IPv6: it does not list its test entry ::FFFF:7F00:2"));
  EXPECT_THAT(lines, ElementsAre(HasSubstr("ipv6 = false"))) << "once, not each hour";
}

TEST_F(ListWatchTest, TestsListsOfNamesByNames) {
  answer("test.bl.example A 60 127.0.1.2\n");
  auto names = list();
  names.has_helo = true;
  watch.watch({names});
  loop.run();
  EXPECT_EQ(trouble(), nullptr);
  answer("*.bl.example A 60 127.0.1.2\n");
  loop.advance(1h + 5s);
  ASSERT_NE(trouble(), nullptr);
  EXPECT_THAT(*trouble(), HasSubstr("it lists INVALID"));
}

TEST_F(ListWatchTest, AListThatFailsTooOftenIsOutUntilItAnswers) {
  answer(kWorks);
  watch.watch({list()});
  loop.run();
  const auto timeout = dns::without_records(dns::Outcome::Timeout);
  for (int i = 0; i < 4; ++i) {
    watch.on_answer("bl.example", timeout, 3s);
  }
  EXPECT_EQ(trouble(), nullptr);
  watch.on_answer("bl.example", timeout, 3s);
  ASSERT_NE(trouble(), nullptr);
  EXPECT_THAT(*trouble(), HasSubstr("5 of its last 5 answers did not come (timeout)"));
  EXPECT_THAT(lines, ElementsAre(HasSubstr("remedy=\"nobody waits for it")));

  // Its test entries come from a cache; what no cache has does not come.
  answer(kWorks + "*.bl.example A TIMEOUT\n1.0.0.127.bl.example A NXDOMAIN\n");
  loop.advance(5min);
  EXPECT_NE(trouble(), nullptr);
  answer(kWorks);
  loop.advance(11min);
  EXPECT_EQ(trouble(), nullptr);
  EXPECT_THAT(lines.back(), "list_works zone=bl.example label=bl.example");
  ASSERT_EQ(watch.glance().size(), 1U);
  EXPECT_EQ(watch.glance()[0].state, "works");
  EXPECT_EQ(watch.glance()[0].counts.timeouts, 5U);
}

TEST_F(ListWatchTest, ASlowListIsAskedAndNotWaitedFor) {
  answer(kWorks);
  watch.watch({list()});
  loop.run();
  const auto none = dns::without_records(dns::Outcome::NoSuchName);
  for (int i = 0; i < 5; ++i) {
    watch.on_answer("bl.example", none, 1500ms);
  }
  EXPECT_EQ(trouble(), nullptr);
  EXPECT_TRUE(watch.health()->is_slow("9.2.0.192.bl.example"));
  EXPECT_FALSE(watch.health()->is_slow("9.2.0.192.notbl.example"));
  EXPECT_EQ(watch.glance()[0].state, "slow");
  EXPECT_THAT(lines, ElementsAre(HasSubstr("longer than 1s")));
  for (int i = 0; i < 20; ++i) {
    watch.on_answer("bl.example", none, 20ms);
  }
  EXPECT_FALSE(watch.health()->is_slow("9.2.0.192.bl.example"));
  EXPECT_THAT(lines.back(), HasSubstr("list_works"));
}

TEST_F(ListWatchTest, CountsWhomOnlyOneListKnew) {
  auto second = list(false);
  second.zone = second.label = second.shown_zone = "other.example";
  watch.watch({list(false), second});
  filters::Verdict verdict;
  verdict.counted = {{"dnsbl.bl.example", filters::Outcome::Fail, filters::points(4), ""}};
  watch.on_session_end(verdict);
  verdict.observed = {
      {"dnsbl.other.example.sender", filters::Outcome::Fail, filters::points(4), ""}};
  watch.on_session_end(verdict);
  watch.on_session_end({});
  const auto glance = watch.glance();
  EXPECT_EQ(watch.sessions(), 3U);
  EXPECT_EQ(glance[0].counts.hits, 2U);
  EXPECT_EQ(glance[0].counts.alone, 1U);
  EXPECT_EQ(glance[0].counts.with.at("other.example"), 1U);
  EXPECT_EQ(glance[1].counts.hits, 1U);
  EXPECT_EQ(glance[1].counts.alone, 0U);
}

}  // namespace
}  // namespace smtpguard::session
