#include "dns/caching_resolver.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/dns_printers.hpp"
#include "tests/support/manual_loop.hpp"

namespace smtpguard::dns {
namespace {

using std::chrono::seconds;

// Answers when the test says so.
class StubResolver final : public Resolver {
 public:
  LookupHandle ask(const Question& question, Sink sink) override {
    questions.push_back(question);
    lookups.push_back(std::make_shared<Lookup>(std::move(sink)));
    return LookupHandle(lookups.back());
  }
  void answer(const Answer& answer) { lookups.back()->deliver(answer); }

  std::vector<Question> questions;
  std::vector<SharedLookup> lookups;
};

Answer found(int ttl, const char* address = "192.0.2.1") {
  Answer answer = without_records(Outcome::Found, seconds(ttl));
  answer.records().addresses = {IpAddress::parse(address).value()};
  return answer;
}

class CachingResolverTest : public testing::Test {
 protected:
  CachingResolverTest() { make({}); }

  void make(CacheSettings settings) {
    cache = std::make_unique<CachingResolver>(stub, loop, settings, KeyedHash({1, 2}));
  }
  LookupHandle ask(const std::string& name = "a.example") {
    return cache->ask({name, RecordType::A},
                      [this](const Answer& answer) { got.push_back(answer); });
  }
  // What is behind is asked and answers.
  void learn(const Answer& answer, const std::string& name = "a.example") {
    const auto handle = ask(name);
    stub.answer(answer);
    got.clear();
  }
  bool knows(const std::string& name = "a.example") {
    const std::size_t before = stub.questions.size();
    const auto handle = ask(name);
    return stub.questions.size() == before;
  }

  test::ManualLoop loop;
  StubResolver stub;
  std::unique_ptr<CachingResolver> cache;
  std::vector<Answer> got;
};

TEST_F(CachingResolverTest, AsksOnceAndRemembersWhileTheTtlLasts) {
  learn(found(60));
  loop.advance(seconds(20));
  const auto handle = ask("A.Example.");
  EXPECT_TRUE(got.empty()) << "never inside ask()";
  loop.run();
  EXPECT_EQ(got, std::vector{found(40)}) << "with what is left of the TTL";
  loop.advance(seconds(40));
  EXPECT_FALSE(knows());
}

TEST_F(CachingResolverTest, TellsTypesApart) {
  learn(found(60));
  const auto handle = cache->ask({"a.example", RecordType::MX}, [](const Answer&) {});
  EXPECT_EQ(stub.questions.size(), 2U);
}

TEST(TimeToKeep, HasAFloorAndACeilingForEachKind) {
  const CacheSettings settings{100,         seconds(10),  seconds(3600),
                               seconds(30), seconds(600), seconds(5)};
  struct Case {
    Answer answer;
    int expected;
  };
  for (const Case& one :
       {Case{found(0), 10}, Case{found(60), 60}, Case{found(99999), 3600},
        Case{without_records(Outcome::NoSuchName), 30},
        Case{without_records(Outcome::NoData, seconds(99)), 99},
        Case{without_records(Outcome::NoData, seconds(9999)), 600},
        Case{without_records(Outcome::ServerFailure), 5},
        Case{without_records(Outcome::Refused), 5}, Case{without_records(Outcome::Timeout), 5},
        Case{without_records(Outcome::Malformed), 5},
        Case{without_records(Outcome::NotAsked), 0}}) {
    EXPECT_EQ(time_to_keep(one.answer, settings), seconds(one.expected)) << to_string(one.answer);
  }
}

TEST_F(CachingResolverTest, RemembersTroubleForSecondsOnly) {
  learn(without_records(Outcome::Timeout));
  loop.advance(seconds(4));
  EXPECT_TRUE(knows());
  loop.advance(seconds(1));
  EXPECT_FALSE(knows());
}

TEST_F(CachingResolverTest, NeverRemembersWhatWasNotAsked) {
  learn(without_records(Outcome::NotAsked));
  EXPECT_FALSE(knows());
}

TEST_F(CachingResolverTest, AsksAQuestionUnderWayOnlyOnce) {
  const auto first = ask();
  const auto second = ask("A.EXAMPLE");
  EXPECT_EQ(stub.questions.size(), 1U);
  stub.answer(found(60));
  EXPECT_EQ(got, (std::vector{found(60), found(60)}));
  EXPECT_EQ(cache->questions_under_way(), 0U);
  const CacheCounts expected{0, 1, 1, 0};
  EXPECT_EQ(cache->counts(), expected);
}

TEST_F(CachingResolverTest, ForgetsTheLeastUsedFirst) {
  CacheSettings settings;
  settings.most_entries = 2;
  make(settings);
  learn(found(60), "a.example");
  learn(found(60), "b.example");
  EXPECT_TRUE(knows("a.example"));
  learn(found(60), "c.example");
  EXPECT_EQ(cache->size(), 2U);
  EXPECT_TRUE(knows("a.example"));
  EXPECT_TRUE(knows("c.example"));
  EXPECT_FALSE(knows("b.example"));
  EXPECT_EQ(cache->counts().evicted, 1U);
}

TEST_F(CachingResolverTest, ForgetsAllWhenTold) {
  learn(found(60));
  cache->forget_all();
  EXPECT_EQ(cache->size(), 0U);
  EXPECT_FALSE(knows());
}

TEST_F(CachingResolverTest, LearnsEvenWhenAllWhoAskedHaveLeft) {
  ask().drop();
  stub.answer(found(60));
  EXPECT_TRUE(got.empty());
  EXPECT_TRUE(knows());
}

TEST_F(CachingResolverTest, ForgetsWhoDroppedTheHandle) {
  learn(found(60));
  ask().drop();
  loop.run();
  EXPECT_TRUE(got.empty());
}

TEST_F(CachingResolverTest, IsSilentAfterItsEnd) {
  learn(found(60));
  const auto cached = ask();
  const auto under_way = ask("b.example");
  cache.reset();
  loop.run();
  stub.answer(found(60));
  EXPECT_TRUE(got.empty());
}

TEST_F(CachingResolverTest, SurvivesASinkThatEndsEverything) {
  LookupHandle first;
  const auto second = ask();
  first = cache->ask({"a.example", RecordType::A}, [&](const Answer&) {
    first.drop();
    cache.reset();
  });
  const auto third = ask();
  stub.answer(found(60));
  EXPECT_EQ(got.size(), 1U) << "only the one that came before";
}

TEST_F(CachingResolverTest, SurvivesASinkThatAsksAgain) {
  LookupHandle again;
  const auto first =
      cache->ask({"a.example", RecordType::A}, [&](const Answer&) { again = ask(); });
  stub.answer(found(60));
  loop.run();
  EXPECT_EQ(got, std::vector{found(60)});
}

TEST_F(CachingResolverTest, KeepsTheQueueOfASlowQuestionShort) {
  const auto first = ask();
  for (int i = 0; i < 10'000; ++i) {
    ask().drop();
  }
  EXPECT_LE(cache->waiting(), 65U);
  stub.answer(found(60));
  EXPECT_EQ(got.size(), 1U);
}

TEST(KeyedHash, IsSipHash24) {
  // The example of the paper's appendix: key 00..0f, message 00..0e.
  std::string message;
  for (char c = 0; c < 15; ++c) {
    message += c;
  }
  const KeyedHash hash({0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL});
  EXPECT_EQ(hash(message), 0xa129ca6149be45e5ULL);
  EXPECT_NE(KeyedHash::random()(message), KeyedHash::random()(message));
}

}  // namespace
}  // namespace smtpguard::dns
