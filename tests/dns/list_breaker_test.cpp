#include "dns/list_breaker.hpp"

#include <gtest/gtest.h>

namespace smtpguard::dns {
namespace {

using namespace std::chrono_literals;

class ListBreakerTest : public testing::Test {
 protected:
  void note(int times, bool is_answered, Milliseconds took = 20ms) {
    for (int i = 0; i < times; ++i) {
      now += 1s;
      breaker.note(now, is_answered, took);
    }
  }
  TimePoint now{1h};
  ListBreaker breaker;
};

TEST_F(ListBreakerTest, AFewFailuresSayNothing) {
  note(4, false);
  EXPECT_FALSE(breaker.is_tripped());
  note(1, false);
  EXPECT_TRUE(breaker.is_tripped());
  EXPECT_EQ(breaker.failures(), 5U);
}

TEST_F(ListBreakerTest, TheRateDecides) {
  note(12, true);
  note(8, false);
  EXPECT_FALSE(breaker.is_tripped()) << "8 of 20";
  note(2, false);
  EXPECT_TRUE(breaker.is_tripped()) << "10 of 20";
}

TEST_F(ListBreakerTest, FailuresOfLongAgoAreForgotten) {
  note(4, false);
  now += 6min;
  note(4, false);
  EXPECT_FALSE(breaker.is_tripped());
}

TEST_F(ListBreakerTest, IsSlowWhenMostAnswersAreUntilFewAre) {
  note(5, true, 1500ms);
  EXPECT_TRUE(breaker.is_slow());
  note(14, true);
  EXPECT_TRUE(breaker.is_slow()) << "5 of 19";
  note(4, true);
  EXPECT_FALSE(breaker.is_slow());
  EXPECT_FALSE(breaker.is_tripped());
}

}  // namespace
}  // namespace smtpguard::dns
