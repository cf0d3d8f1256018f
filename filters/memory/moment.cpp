#include "filters/memory/moment.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace smtpguard::filters::memory {

std::string to_string(Moment moment) {
  if (moment == Moment{}) {
    return "never";
  }
  return fmt::format("{:%FT%TZ}", fmt::gmtime(static_cast<std::time_t>(seconds_of(moment))));
}

}  // namespace smtpguard::filters::memory
