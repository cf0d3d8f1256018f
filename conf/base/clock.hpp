// Clock — names for time points and durations, and wall time as text for log lines.
// Owns: nothing.   Called by: every room.   Fails: never.
// Steady time is for every deadline and duration: it does not jump when somebody sets the clock.
// Who decides by time takes the time point as an argument; a test passes one of its own.
#pragma once

#include <chrono>
#include <string>

namespace smtpguard {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;
using Milliseconds = std::chrono::milliseconds;

// "2026-11-23T21:56:29.123Z"
std::string utc_timestamp();

}  // namespace smtpguard
