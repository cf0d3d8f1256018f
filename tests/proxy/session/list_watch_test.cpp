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

filters::DnsList list(bool is_self_tested = true) {
  filters::DnsList made;
  made.zone = made.label = made.shown_zone = "bl.example";
  made.codes = {dns::usual_codes()};
  made.worths = {{4, ""}};
  made.is_self_tested = is_self_tested;
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
  answer(
      "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.example A 60 "
      "127.0.0.2\n");
  auto six = list();
  six.has_ipv4 = false;
  watch.watch({six});
  loop.run();
  EXPECT_EQ(trouble(), nullptr);
}

}  // namespace
}  // namespace smtpguard::session
