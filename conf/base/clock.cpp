#include "conf/base/clock.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace smtpguard {

std::string utc_timestamp() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto millis = std::chrono::duration_cast<Milliseconds>(since_epoch).count();
  const auto seconds = static_cast<std::time_t>(millis / 1000);
  return fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(seconds), millis % 1000);
}

}  // namespace smtpguard
