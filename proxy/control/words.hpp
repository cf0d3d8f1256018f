// Words — counts as people say them.
// Owns: nothing; pure.   Called by: reports, the worker's log lines.   Fails: never.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace smtpguard::control {

// "1 session", "2 sessions".
inline std::string many(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace smtpguard::control
