#include "proxy/net/deadline_wheel.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <iterator>

namespace smtpguard::net {

namespace {
constexpr Milliseconds kTick{250};
// Deadlines that come before everybody else has had a turn of the loop.
constexpr std::int64_t kInARow = 8;
constexpr std::int64_t kHurry = 8;  // for each tick that we are behind so many times as many more
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

// A few at a time: of a thousand visitors a second the deadlines of a tick are hundreds, and those
// who are served must not wait for all of them.
void DeadlineWheel::tick() {
  const TimePoint now = SteadyClock::now();
  // An idle wheel goes on ticking four times a second; that is cheaper than counting its entries.
  // Ticks that were reached before an earlier one was over: the more, the more come at once.
  const auto reached = (now - origin_) / kTick + 1 - static_cast<std::int64_t>(next_tick_);
  const auto late = due_.empty() ? 0 : std::max<std::int64_t>(0, reached);
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
