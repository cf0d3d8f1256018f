#include "filters/memory/memory.hpp"

#include <gtest/gtest.h>

#include <string>

namespace smtpguard::filters::memory {
namespace {

constexpr Moment kNow = moment_at(1'800'000'000);

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

Conduct good() {
  Conduct conduct;
  conduct.counts.accepted = 1;
  conduct.has_earned_pass = true;
  conduct.has_waited_for_greeting = true;
  conduct.has_waited_for_replies = true;
  return conduct;
}

Conduct early_talk() {
  Conduct conduct;
  conduct.talked_early = true;
  conduct.counts.early = 1;
  return conduct;
}

const Identity kFirst{ip("192.0.2.9"), "sender.net"};
const Identity kOfThePool{ip("192.0.2.77"), "sender.net"};
const Identity kWithoutName{ip("192.0.2.9"), ""};

class MemoryTest : public testing::Test {
 protected:
  Memory memory_{Settings{}, dns::KeyedHash({1, 2})};
};

TEST_F(MemoryTest, KnowsNobodyAtFirst) {
  EXPECT_EQ(memory_.recall(kFirst, kNow), Remembered{});
}

TEST_F(MemoryTest, APassHoldsForTheAddressAndForTheWholeOrganisation) {
  memory_.learn(kFirst, good(), kNow);
  EXPECT_EQ(memory_.recall(kWithoutName, kNow).known_by, "192.0.2.9");
  EXPECT_EQ(memory_.recall(kOfThePool, kNow).known_by, "sender.net");
  EXPECT_FALSE(memory_.recall({ip("192.0.2.77"), ""}, kNow).is_known_good);
}

TEST_F(MemoryTest, APassEnds) {
  memory_.learn(kFirst, good(), kNow);
  EXPECT_TRUE(memory_.recall(kFirst, kNow + Settings{}.pass - 1s).is_known_good);
  EXPECT_FALSE(memory_.recall(kFirst, kNow + Settings{}.pass).is_known_good);
}

TEST_F(MemoryTest, WhoNeedNotWaitIsTestedAgainWhenItsPassIsOver) {
  memory_.learn(kFirst, good(), kNow);
  Conduct at_once = good();
  at_once.has_waited_for_greeting = false;
  at_once.has_waited_for_replies = false;
  memory_.learn(kFirst, at_once, kNow + 24h);
  EXPECT_TRUE(memory_.recall(kFirst, kNow + 25h).is_known_good);
  EXPECT_FALSE(memory_.recall(kFirst, kNow + Settings{}.pass).is_known_good);
}

TEST_F(MemoryTest, OneFaultTakesThePassFromTheAddressAndTheOrganisation) {
  memory_.learn(kFirst, good(), kNow);
  memory_.learn(kOfThePool, early_talk(), kNow + 1s);
  EXPECT_FALSE(memory_.recall(kOfThePool, kNow + 2s).is_known_good);
  EXPECT_EQ(memory_.recall(kFirst, kNow + 2s).known_by, "192.0.2.9") << "it did nothing wrong";
}

TEST_F(MemoryTest, WithoutAPassNothingIsKnownGood) {
  Conduct conduct;
  conduct.counts.refused = 2;
  memory_.learn(kFirst, conduct, kNow);
  const Remembered remembered = memory_.recall(kFirst, kNow);
  EXPECT_FALSE(remembered.is_known_good);
  EXPECT_TRUE(remembered.is_seen);
  EXPECT_FLOAT_EQ(remembered.counts.refused, 2);
}

TEST_F(MemoryTest, ASessionThatShowedNothingLeavesNothing) {
  memory_.learn(kFirst, Conduct{}, kNow);
  EXPECT_EQ(memory_.extent().records, 0U);
}

TEST_F(MemoryTest, FaultsAreKnownOfTheirNetwork) {
  memory_.learn({ip("192.0.2.9"), ""}, early_talk(), kNow);
  memory_.learn({ip("192.0.2.10"), ""}, early_talk(), kNow);
  memory_.learn({ip("192.0.2.10"), ""}, early_talk(), kNow);
  const auto network = memory_.about(Key::network(ip("192.0.2.1")), kNow);
  ASSERT_EQ(network.size(), 1U);
  EXPECT_EQ(network.front().failed_host_count(), 2);
  EXPECT_FLOAT_EQ(network.front().counts.early, 3);
}

TEST_F(MemoryTest, TurnedOffItNeitherKnowsNorLearns) {
  memory_.learn(kFirst, good(), kNow);
  Settings off;
  off.is_enabled = false;
  memory_.configure(off);
  EXPECT_FALSE(memory_.recall(kFirst, kNow).is_known_good);
  memory_.learn(kOfThePool, good(), kNow);
  EXPECT_EQ(memory_.extent().records, 2U);
}

}  // namespace
}  // namespace smtpguard::filters::memory
