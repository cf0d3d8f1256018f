#include "proxy/session/tarpit.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace smtpguard::session {
namespace {

class TarpitTest : public testing::Test {
 protected:
  net::asio::io_context io_{1};
  net::DeadlineWheel wheel_{io_};
  net::SocketWait wait_{wheel_};
  std::atomic<std::uint32_t> slowed_{0};
  Tarpit tarpit_{slowed_};
};

TEST_F(TarpitTest, HoldsNoMoreThanItMay) {
  std::optional<Tarpit::Place> one(std::in_place, tarpit_, wait_);
  Tarpit::Place two(tarpit_, wait_);
  EXPECT_TRUE(tarpit_.enter(*one, 1));
  EXPECT_FALSE(tarpit_.enter(two, 1));
  EXPECT_EQ(slowed_, 1U);
  one.reset();
  EXPECT_EQ(slowed_, 0U);
  EXPECT_TRUE(tarpit_.enter(two, 1));
}

TEST_F(TarpitTest, LetsAllGoAtOnce) {
  Tarpit::Place one(tarpit_, wait_);
  Tarpit::Place two(tarpit_, wait_);
  Tarpit::Place later(tarpit_, wait_);
  ASSERT_TRUE(tarpit_.enter(one, 9));
  ASSERT_TRUE(tarpit_.enter(two, 9));
  tarpit_.let_go();
  EXPECT_TRUE(one.is_let_go());
  EXPECT_TRUE(two.is_let_go());
  EXPECT_EQ(slowed_, 0U);
  EXPECT_TRUE(tarpit_.enter(later, 9));
  EXPECT_FALSE(later.is_let_go());
}

TEST_F(TarpitTest, CountsThoseOfOtherLoops) {
  Tarpit other(slowed_);
  Tarpit::Place here(tarpit_, wait_);
  Tarpit::Place there(other, wait_);
  ASSERT_TRUE(other.enter(there, 1));
  EXPECT_FALSE(tarpit_.enter(here, 1));
  tarpit_.let_go();
  EXPECT_EQ(slowed_, 1U);
  other.let_go();
  EXPECT_EQ(slowed_, 0U);
}

}  // namespace
}  // namespace smtpguard::session
