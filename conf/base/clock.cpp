#include "conf/base/clock.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace smtpguard {

std::string utc_timestamp() {
  // Every line of the log has one, and thousands fall into the same second.
  thread_local std::time_t known = -1;
  thread_local std::string prefix;
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto millis = std::chrono::duration_cast<Milliseconds>(since_epoch).count();
  const auto seconds = static_cast<std::time_t>(millis / 1000);
  if (seconds != known) {
    prefix = fmt::format("{:%FT%T}", fmt::gmtime(seconds));
    known = seconds;
  }
  return fmt::format("{}.{:03}Z", prefix, millis % 1000);
}

}  // namespace smtpguard
