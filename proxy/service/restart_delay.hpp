// RestartDelay — how long to wait before a worker that crashed is replaced; pure.
// Owns: the count of crashes in a row.   Called by: Supervisor.   Fails: never.
// The first replacement comes at once: clients are waiting. Then longer and longer, since what
// crashes a worker at once would else fill the log and keep the machine busy; and every start is a
// guess for whoever tries to find out a worker's addresses by crashing it (BROP).
#pragma once

#include <algorithm>
#include <chrono>

#include "conf/base/clock.hpp"

namespace smtpguard::service {

class RestartDelay {
 public:
  static constexpr Milliseconds kFirst = std::chrono::milliseconds(250);
  static constexpr Milliseconds kLongest = std::chrono::seconds(30);
  // A worker that lived so long was a good one.
  static constexpr Milliseconds kStable = std::chrono::minutes(5);

  // `lived`: how long the worker did that has just crashed.
  Milliseconds next(Milliseconds lived) {
    if (lived >= kStable) {
      next_ = Milliseconds(0);
    }
    const Milliseconds delay = next_;
    next_ = std::clamp(delay * 2, kFirst, kLongest);
    return delay;
  }

 private:
  Milliseconds next_{0};
};

}  // namespace smtpguard::service
