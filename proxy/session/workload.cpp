#include "proxy/session/workload.hpp"

#include <fmt/format.h>

#include <ctime>
#include <exception>

namespace smtpguard::session {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kLookEvery{500};
// Below this the queue of a loop is short, above it grows fast.
constexpr double kBusy = 0.7;
constexpr int kBusyLooks = 2;  // a reload of long lists is no storm
// Turning bots away makes the loop less busy: it is over only when that would not change at once.
constexpr double kCalm = 0.35;
constexpr int kCalmLooks = 20;

std::chrono::nanoseconds used_by_this_thread() {
  timespec used{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) {
    return 0ns;
  }
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

Workload::Workload(net::DeadlineWheel& wheel, bool& is_busy, Log& log)
    : wheel_(wheel), is_busy_(is_busy), log_(log) {
  arm();
}

void Workload::arm() {
  wheel_.arm(*this, SteadyClock::now() + kLookEvery);
}

void Workload::on_deadline() noexcept {
  arm();
  try {
    look(used_by_this_thread(), SteadyClock::now());
  } catch (const std::exception&) {
    // Out of memory; the next look may have some.
  }
}

void Workload::look(std::chrono::nanoseconds used, TimePoint now) {
  const bool is_first = looked_ == TimePoint();
  const std::chrono::duration<double> worked = used - used_;
  const std::chrono::duration<double> passed = now - looked_;
  used_ = used;
  looked_ = now;
  if (is_first || passed <= 0s) {
    return;
  }
  const double share = worked / passed;
  const bool was_busy = is_busy_;
  calm_looks_ = share < kCalm ? calm_looks_ + 1 : 0;
  busy_looks_ = share >= kBusy ? busy_looks_ + 1 : 0;
  is_busy_ = was_busy ? calm_looks_ < kCalmLooks : busy_looks_ >= kBusyLooks;
  if (is_busy_ != was_busy) {
    tell(share);
  }
}

void Workload::tell(double share) const {
  if (is_busy_) {
    log_.warning(
        fmt::format("the event loop works {:.0f} % of its time: until this is over, who is refused "
                    "for talking before the greeting hears 421 at once",
                    share * 100));
  } else {
    log_.info("the event loop has time again: every early talker gets a session");
  }
}

}  // namespace smtpguard::session
