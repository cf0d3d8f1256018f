#include "proxy/net/deadline_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <vector>

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

// Hundreds may fall into one tick: the others in the loop are not kept waiting by all of them.
TEST(DeadlineWheel, LetsOthersHaveTheirTurnBetweenManyDeadlines) {
  struct Counted final : DeadlineWheel::Entry {
    explicit Counted(int& count) : rung(count) {}
    void on_deadline() noexcept override { ++rung; }
    int& rung;
  };
  asio::io_context io(1);
  DeadlineWheel wheel(io);
  int rung = 0;
  std::vector<std::unique_ptr<Counted>> entries;
  for (int count = 0; count < 100; ++count) {
    entries.push_back(std::make_unique<Counted>(rung));
    wheel.arm(*entries.back(), SteadyClock::now());
  }
  std::vector<int> seen;
  std::function<void()> other = [&] {
    seen.push_back(rung);
    if (rung < 100) {
      asio::post(io, other);
    } else {
      wheel.stop();
    }
  };
  asio::post(io, other);
  io.run();
  EXPECT_EQ(rung, 100);
  int longest = 0;
  for (std::size_t turn = 1; turn < seen.size(); ++turn) {
    longest = std::max(longest, seen[turn] - seen[turn - 1]);
  }
  EXPECT_GT(longest, 0);
  EXPECT_LE(longest, 16);
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
