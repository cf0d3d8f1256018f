#include "dns/spf_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "dns/fake_resolver.hpp"
#include "tests/support/manual_loop.hpp"

namespace smtpguard::dns {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

// A DNS that says something else from now on.
class ChangingResolver final : public Resolver {
 public:
  explicit ChangingResolver(Loop& loop) : loop_(loop) {}

  void say(const std::string& text) {
    now_.push_back(std::make_unique<FakeResolver>(loop_, FakeAnswers::parse(text).value()));
  }
  LookupHandle ask(const Question& question, Sink sink) override {
    ++asked;
    return now_.back()->ask(question, std::move(sink));
  }

  int asked = 0;

 private:
  Loop& loop_;
  std::vector<std::unique_ptr<FakeResolver>> now_;  // answers of the old ones may be under way
};

class SpfBookTest : public testing::Test {
 protected:
  bool has(const char* domain, const char* address) const {
    const auto found = book.table()->find(domain);
    return found != book.table()->end() &&
           found->second.contains(IpAddress::parse(address).value());
  }

  test::ManualLoop loop;
  ChangingResolver resolver{loop};
  std::vector<std::string> told;
  SpfBook book{resolver, loop, [this](std::string_view domain, std::string_view trouble) {
                 told.push_back(std::string(domain) + ": " + std::string(trouble));
               }};
};

constexpr const char* kGood = "a.example TXT 600 \"v=spf1 ip4:192.0.2.0/24 -all\"\n";

TEST_F(SpfBookTest, LearnsWhatItFollows) {
  resolver.say(kGood);
  book.follow({"a.example"});
  EXPECT_FALSE(has("a.example", "192.0.2.1")) << "not inside the call";
  loop.run();
  EXPECT_TRUE(has("a.example", "192.0.2.1"));
  EXPECT_FALSE(has("a.example", "198.51.100.1"));
  EXPECT_THAT(told, IsEmpty());
}

TEST_F(SpfBookTest, AsksAgainWhenTheTtlIsOver) {
  resolver.say(kGood);
  book.follow({"a.example"});
  loop.advance(590s);
  EXPECT_EQ(resolver.asked, 1);
  resolver.say("a.example TXT 600 \"v=spf1 ip4:198.51.100.0/24 -all\"\n");
  loop.advance(20s);
  EXPECT_EQ(resolver.asked, 2);
  EXPECT_TRUE(has("a.example", "198.51.100.1"));
  EXPECT_FALSE(has("a.example", "192.0.2.1"));
}

TEST_F(SpfBookTest, AsksNotMoreOftenThanEveryFiveMinutesWhateverTheTtl) {
  resolver.say("a.example TXT 0 \"v=spf1 ip4:192.0.2.0/24 -all\"\n");
  book.follow({"a.example"});
  loop.advance(290s);
  EXPECT_EQ(resolver.asked, 1);
}

TEST_F(SpfBookTest, KeepsWhatItKnowsForADayWhileTheServersFail) {
  resolver.say(kGood);
  book.follow({"a.example"});
  loop.run();
  resolver.say("a.example TXT SERVFAIL\n");
  loop.advance(24h);
  EXPECT_TRUE(has("a.example", "192.0.2.1"));
  EXPECT_THAT(told, ElementsAre("a.example: a.example TXT: server_failure")) << "told once";
  loop.advance(1h);
  EXPECT_FALSE(has("a.example", "192.0.2.1"));
  resolver.say(kGood);
  loop.advance(2min);
  EXPECT_TRUE(has("a.example", "192.0.2.1"));
  EXPECT_THAT(told, ElementsAre("a.example: a.example TXT: server_failure", "a.example: "));
}

TEST_F(SpfBookTest, DropsAtOnceWhatTheDomainTookBack) {
  resolver.say(kGood);
  book.follow({"a.example"});
  loop.run();
  resolver.say("a.example TXT 600 \"something else\"\n");
  loop.advance(11min);
  EXPECT_FALSE(has("a.example", "192.0.2.1"));
  EXPECT_THAT(told, ElementsAre("a.example: a.example has no SPF record"));
}

TEST_F(SpfBookTest, ForgetsWhomItNoLongerFollowsAndKeepsTheOthers) {
  resolver.say(std::string(kGood) + "b.example TXT 600 \"v=spf1 ip4:198.51.100.0/24\"\n");
  book.follow({"a.example", "b.example"});
  loop.run();
  const auto before = book.table();
  book.follow({"b.example"});
  EXPECT_EQ(resolver.asked, 2);
  EXPECT_FALSE(has("a.example", "192.0.2.1"));
  EXPECT_TRUE(has("b.example", "198.51.100.1"));
  EXPECT_EQ(before->size(), 2U) << "sessions keep what they began with";
}

TEST_F(SpfBookTest, MayStopToFollowInTheMiddleOfAQuestion) {
  resolver.say("a.example TXT 600 \"v=spf1 ip4:192.0.2.0/24 -all\" after=10s\n");
  book.follow({"a.example"});
  book.follow({});
  loop.advance(20s);
  EXPECT_THAT(*book.table(), IsEmpty());
}

TEST(SpfQuery, MayBeEndedByItsOwnSink) {
  test::ManualLoop loop;
  FakeResolver resolver(loop, FakeAnswers::parse(kGood).value());
  std::unique_ptr<SpfQuery> query;
  bool is_within = false;
  query = std::make_unique<SpfQuery>(resolver, "a.example", [&](const SpfOutcome& outcome) {
    is_within = outcome.networks.contains(IpAddress::parse("192.0.2.9").value());
    query.reset();
  });
  loop.run();
  EXPECT_TRUE(is_within);
  EXPECT_EQ(query, nullptr);
}

}  // namespace
}  // namespace smtpguard::dns
