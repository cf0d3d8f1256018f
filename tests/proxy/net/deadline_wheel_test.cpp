#include "proxy/net/deadline_wheel.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace smtpguard::net {
namespace {

using namespace std::chrono_literals;

class Alarm : public DeadlineWheel::Entry {
 public:
  Alarm(DeadlineWheel& wheel, asio::io_context& io) : wheel_(wheel), io_(io) {}
  int rings = 0;
  TimePoint at{};

 private:
  void on_deadline() noexcept override {
    ++rings;
    at = SteadyClock::now();
    wheel_.stop();
    io_.stop();
  }
  DeadlineWheel& wheel_;
  asio::io_context& io_;
};

TEST(DeadlineWheel, RingsOnceAndNeverEarly) {
  asio::io_context io(1);
  DeadlineWheel wheel(io);
  Alarm alarm(wheel, io);
  const TimePoint deadline = SteadyClock::now() + 20ms;
  wheel.arm(alarm, deadline);
  io.run();
  EXPECT_EQ(alarm.rings, 1);
  EXPECT_GE(alarm.at, deadline);
  EXPECT_FALSE(alarm.is_armed());
}

TEST(DeadlineWheel, ForgetsWhoIsDestroyedOrDisarmed) {
  asio::io_context io(1);
  DeadlineWheel wheel(io);
  Alarm last(wheel, io);
  Alarm disarmed(wheel, io);
  auto destroyed = std::make_unique<Alarm>(wheel, io);
  wheel.arm(disarmed, SteadyClock::now());
  wheel.arm(*destroyed, SteadyClock::now());
  wheel.arm(last, SteadyClock::now() + 10ms);
  disarmed.disarm();
  destroyed.reset();
  io.run();
  EXPECT_EQ(last.rings, 1);
  EXPECT_EQ(disarmed.rings, 0);
}

TEST(DeadlineWheel, TakesTheLaterTimeWhenArmedAgain) {
  asio::io_context io(1);
  DeadlineWheel wheel(io);
  Alarm alarm(wheel, io);
  wheel.arm(alarm, SteadyClock::now());
  const TimePoint later = SteadyClock::now() + 300ms;
  wheel.arm(alarm, later);
  io.run();
  EXPECT_EQ(alarm.rings, 1);
  EXPECT_GE(alarm.at, later);
}

TEST(DeadlineWheel, KeepsADeadlineBeyondItsTurn) {
  asio::io_context io(1);
  DeadlineWheel wheel(io);
  Alarm far(wheel, io);
  Alarm near(wheel, io);
  wheel.arm(far, SteadyClock::now() + 24h);
  wheel.arm(near, SteadyClock::now() + 10ms);
  io.run();
  EXPECT_EQ(near.rings, 1);
  EXPECT_EQ(far.rings, 0);
  EXPECT_TRUE(far.is_armed());
}

}  // namespace
}  // namespace smtpguard::net
