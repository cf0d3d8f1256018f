#include "proxy/session/backend_health.hpp"

#include <gtest/gtest.h>

namespace smtpguard::session {
namespace {

using namespace std::chrono_literals;

const Endpoint kFirst = Endpoint::parse("192.0.2.1:25").value();
const Endpoint kSecond = Endpoint::parse("192.0.2.2:25").value();
const std::vector<Endpoint> kBoth{kFirst, kSecond};
const std::vector<Endpoint> kTurned{kSecond, kFirst};

class BackendHealthTest : public testing::Test {
 protected:
  const TimePoint now_ = SteadyClock::now();
  BackendHealth health_;
};

TEST_F(BackendHealthTest, KeepsTheOrderWhileNothingIsKnown) {
  EXPECT_EQ(health_.order(kBoth, now_), kBoth);
  EXPECT_EQ(health_.is_up(kFirst), std::nullopt);
  EXPECT_FALSE(health_.has_down(kBoth));
}

TEST_F(BackendHealthTest, TriesOneThatHasFailedLastUntilItsRestIsOver) {
  EXPECT_TRUE(health_.failed(kFirst, now_));
  EXPECT_EQ(health_.order(kBoth, now_), kTurned);
  EXPECT_EQ(health_.order(kBoth, now_ + 1s), kTurned);
  EXPECT_EQ(health_.order(kBoth, now_ + 2s), kBoth);
  EXPECT_EQ(health_.due(kBoth, now_ + 1s), std::nullopt);
  EXPECT_EQ(health_.due(kBoth, now_ + 2s), kFirst);
}

TEST_F(BackendHealthTest, RestsLongerEachTimeButNotForEver) {
  for (int times = 0; times < 40; ++times) {
    health_.failed(kFirst, now_);
  }
  EXPECT_EQ(health_.order(kBoth, now_ + 59s), kTurned);
  EXPECT_EQ(health_.order(kBoth, now_ + 60s), kBoth);
}

TEST_F(BackendHealthTest, TellsEachChangeOnce) {
  EXPECT_TRUE(health_.worked(kFirst));
  EXPECT_FALSE(health_.worked(kFirst));
  EXPECT_TRUE(health_.failed(kFirst, now_));
  EXPECT_FALSE(health_.failed(kFirst, now_));
  EXPECT_TRUE(health_.has_down(kBoth));
  EXPECT_TRUE(health_.worked(kFirst));
  EXPECT_EQ(health_.is_up(kFirst), true);
  // And begins with a short rest again.
  health_.failed(kFirst, now_);
  EXPECT_EQ(health_.order(kBoth, now_ + 2s), kBoth);
}

TEST_F(BackendHealthTest, ForgetsWhatAReloadHasTakenAway) {
  health_.failed(kFirst, now_);
  health_.keep({kSecond});
  EXPECT_EQ(health_.is_up(kFirst), std::nullopt);
}

}  // namespace
}  // namespace smtpguard::session
