// Moment — a point of wall time as the memory keeps it: whole seconds since 1970 in four octets.
// Owns: nothing.   Called by: everything in memory/ and whoever tells it the time.
// Fails: never; sums and differences stay within what four octets hold (until 2106).
// Wall time, since what is remembered outlives the process. Who decides by time takes it as an
// argument, so that a test passes one of its own.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

namespace smtpguard::filters::memory {

using Moment =
    std::chrono::time_point<std::chrono::system_clock, std::chrono::duration<std::uint32_t>>;

// 0: never.
constexpr Moment moment_at(std::int64_t seconds) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return Moment(
      Moment::duration(static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, kMost))));
}

constexpr std::int64_t seconds_of(Moment moment) {
  return moment.time_since_epoch().count();
}

constexpr Moment operator+(Moment moment, std::chrono::seconds span) {
  return moment_at(seconds_of(moment) + span.count());
}

// 0 if `then` is still to come.
constexpr std::chrono::seconds between(Moment then, Moment now) {
  return std::chrono::seconds(std::max<std::int64_t>(0, seconds_of(now) - seconds_of(then)));
}

inline Moment wall_now() {
  using namespace std::chrono;
  return moment_at(duration_cast<seconds>(system_clock::now().time_since_epoch()).count());
}

// "2026-11-23T21:56:29Z"; of 0 "never".
std::string to_string(Moment moment);

}  // namespace smtpguard::filters::memory
