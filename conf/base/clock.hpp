// Clock — time as a value that tests can set.
// Steady time is for every deadline and duration; wall time only for log lines.
#pragma once

#include <chrono>

namespace smtpguard {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;
using WallTime = std::chrono::system_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

}  // namespace smtpguard
