// Workload — how much of its time the event loop works: twice a second it looks, and while that is
// nearly all of it, who is refused anyway for talking early is not given a session. Owns: its place
// in the wheel, and what it saw last.   Called by: EventLoop; one each. Fails: never. Where the
// system does not tell what a thread has used it is never busy.
#pragma once

#include <chrono>

#include "conf/base/log.hpp"
#include "proxy/net/deadline_wheel.hpp"

namespace smtpguard::session {

class Workload final : private net::DeadlineWheel::Entry {
 public:
  // All outlive it. `is_busy` is set here alone.
  Workload(net::DeadlineWheel& wheel, bool& is_busy, Log& log);

  // What this thread has used of a processor until `now`.
  void look(std::chrono::nanoseconds used, TimePoint now);

 private:
  void arm();
  void on_deadline() noexcept override;
  void tell(double share) const;

  net::DeadlineWheel& wheel_;
  bool& is_busy_;
  Log& log_;
  std::chrono::nanoseconds used_{};
  TimePoint looked_{};
  int busy_looks_ = 0;  // in a row
  int calm_looks_ = 0;
};

}  // namespace smtpguard::session
