#include <gtest/gtest.h>

#include "filters/memory/memory.hpp"

namespace smtpguard::filters::memory {
namespace {

constexpr Moment kNow = moment_at(1'800'000'000);

GreylistVisit visit(const char* pool, const char* own, const char* message = "a@b c@d") {
  return {{pool}, {own}, message};
}

class Greylist : public testing::Test {
 protected:
  Settings settings;
  Memory memory{settings, dns::KeyedHash({1, 2})};
};

TEST_F(Greylist, DefersWhoComesTooEarlyAndTellsWhatIsLeft) {
  EXPECT_EQ(memory.greylist(visit("192.0.2.0/24", "192.0.2.1"), kNow).left, 180s);
  const GreylistAnswer answer = memory.greylist(visit("192.0.2.0/24", "192.0.2.1"), kNow + 100s);
  EXPECT_FALSE(answer.has_come_back);
  EXPECT_EQ(answer.left, 80s);
  EXPECT_EQ(answer.after, 100s);
}

TEST_F(Greylist, KnowsAPoolAgainButNotAnotherMessage) {
  memory.greylist(visit("192.0.2.0/24", "192.0.2.1"), kNow);
  EXPECT_FALSE(
      memory.greylist(visit("192.0.2.0/24", "192.0.2.7", "x@y c@d"), kNow + 180s).has_come_back);
  const GreylistAnswer answer = memory.greylist(visit("192.0.2.0/24", "192.0.2.7"), kNow + 180s);
  EXPECT_TRUE(answer.has_come_back);
  EXPECT_EQ(answer.by, "192.0.2.0/24");
}

TEST_F(Greylist, KnowsAMessageAgainByAnyOfItsPools) {
  memory.greylist({{"192.0.2.0/24", "pool.net"}, {"192.0.2.1"}, "a@b c@d"}, kNow);
  EXPECT_EQ(memory.greylist({{"203.0.113.0/24", "pool.net"}, {}, "a@b c@d"}, kNow + 5min).by,
            "pool.net");
}

TEST_F(Greylist, WhoHasComeBackOnceNeedNotAgainAndItsNeighboursMust) {
  memory.greylist(visit("192.0.2.0/24", "192.0.2.1"), kNow);
  ASSERT_TRUE(memory.greylist(visit("192.0.2.0/24", "192.0.2.1"), kNow + 5min).has_come_back);
  EXPECT_TRUE(
      memory.greylist(visit("192.0.2.0/24", "192.0.2.1", "x@y c@d"), kNow + 24h).has_come_back);
  EXPECT_FALSE(
      memory.greylist(visit("192.0.2.0/24", "192.0.2.2", "x@y c@d"), kNow + 24h).has_come_back);
}

TEST_F(Greylist, WhoComesTooLateBeginsAnew) {
  memory.greylist(visit("192.0.2.0/24", "192.0.2.1"), kNow);
  memory.greylist(visit("192.0.2.0/24", "192.0.2.1"), kNow + 100s);
  EXPECT_EQ(memory.greylist(visit("192.0.2.0/24", "192.0.2.1"), kNow + 24h).left, 180s);
}

TEST_F(Greylist, LetsEverybodyPassWhereNothingIsRemembered) {
  settings.is_enabled = false;
  memory.configure(settings);
  EXPECT_TRUE(memory.greylist(visit("192.0.2.0/24", "192.0.2.1"), kNow).has_come_back);
}

TEST_F(Greylist, ListsWhatWaits) {
  memory.greylist(visit("192.0.2.0/24", "192.0.2.1"), kNow);
  memory.greylist(visit("192.0.3.0/24", "192.0.3.1"), kNow + 1s);
  const auto listed = memory.all_of(Key::Kind::Greylist, kNow + 2s, 10);
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_TRUE(listed.front().key.text().starts_with("192.0.3.0/24#"));
  EXPECT_EQ(memory.all_of(Key::Kind::Greylist, kNow + 2s, 1).front().key, listed.front().key);
}

}  // namespace
}  // namespace smtpguard::filters::memory
