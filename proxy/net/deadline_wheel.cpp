#include "proxy/net/deadline_wheel.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <iterator>

namespace smtpguard::net {

namespace {
// Of a thousand visitors a second twenty are due together, and served in a few milliseconds: with
// ticks of 250 ms good sessions took 48 ms beside them instead of 2, with 50 ms 16.
constexpr Milliseconds kTick{20};
// Deadlines that come before everybody else has had a turn of the loop.
constexpr std::int64_t kInARow = 8;
// For each quarter of a second that we are behind so many times as many more.
constexpr Milliseconds kBehind{250};
constexpr std::int64_t kHurry = 8;
}  // namespace

DeadlineWheel::DeadlineWheel(asio::io_context& io)
    : timer_(io.get_executor()), origin_(SteadyClock::now()) {}

// The tick at whose run `when` is in the past.
std::uint64_t DeadlineWheel::tick_of(TimePoint when) const {
  if (when <= origin_) {
    return 0;
  }
  return static_cast<std::uint64_t>((when - origin_) / kTick) + 1;
}

void DeadlineWheel::arm(Entry& entry, TimePoint deadline) {
  entry.unlink();
  entry.deadline_ = deadline;
  if (!is_running_) {
    next_tick_ = tick_of(SteadyClock::now());
    start();
  }
  // What lies beyond one turn waits in the last slot of this turn and is armed again from there.
  const std::uint64_t due =
      std::clamp(tick_of(deadline), next_tick_, next_tick_ + std::uint64_t{kSlots} - 1);
  slots_[due % kSlots].push_back(entry);
}

void DeadlineWheel::start() {
  if (is_stopped_) {
    return;
  }
  is_running_ = true;
  timer_.expires_at(origin_ + kTick * static_cast<std::int64_t>(next_tick_));
  timer_.async_wait([this](const ErrorCode& error) {
    is_waiting_ = false;
    if (!error) {
      tick();
    }
  });
  is_waiting_ = true;
}

void DeadlineWheel::recover() {
  if (is_running_ && !is_waiting_) {
    start();
  }
}

// A few at a time: of a storm the deadlines of a tick are hundreds, and those who are served must
// not wait for all of them.
void DeadlineWheel::tick() {
  const TimePoint now = SteadyClock::now();
  // An idle wheel goes on ticking fifty times a second; that is cheaper than counting its entries.
  // What is due since long hurries: the longer, the more come at once.
  const TimePoint due_since = origin_ + kTick * (static_cast<std::int64_t>(next_tick_) - 1);
  const auto late = due_.empty() ? 0 : std::max<std::int64_t>(0, (now - due_since) / kBehind);
  const auto in_a_row = kInARow * (1 + kHurry * late);
  for (std::int64_t rung = 0; rung < in_a_row;) {
    if (due_.empty()) {
      if (origin_ + kTick * static_cast<std::int64_t>(next_tick_) > now) {
        return start();
      }
      due_.swap(slots_[next_tick_ % kSlots]);
      ++next_tick_;
      continue;
    }
    ++rung;
    Entry& entry = due_.front();
    due_.pop_front();
    if (entry.deadline_ > now) {
      arm(entry, entry.deadline_);
    } else {
      entry.on_deadline();
    }
  }
  asio::post(timer_.get_executor(), [this] {
    is_waiting_ = false;
    tick();
  });
  is_waiting_ = true;
}

void DeadlineWheel::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

}  // namespace smtpguard::net
