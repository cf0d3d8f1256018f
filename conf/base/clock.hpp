// Clock — the names for points in time and durations.
// Owns: nothing.   Called by: every room.   Fails: never.
// Steady time is for every deadline and duration, since a wall clock may be set; wall time is for
// log lines only (utc_timestamp() in log.hpp).
#pragma once

#include <chrono>

namespace smtpguard {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;
using Milliseconds = std::chrono::milliseconds;

}  // namespace smtpguard
