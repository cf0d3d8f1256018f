// Memory lines — what is remembered as JSON Lines, one record or block a line, and back.
// Owns: nothing.   Called by: smtpguardctl memory export and import.
// Fails: from_line() with an Error that says what is wrong with the line. Times are seconds since
// 1970, so that what was written comes back as it was.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/result.hpp"
#include "filters/memory/change.hpp"

namespace smtpguard::tools {

std::string to_line(const filters::memory::Record& record);
std::string to_line(const filters::memory::Block& block);
// Whichever it is.
Result<filters::memory::Change> from_line(std::string_view line);

}  // namespace smtpguard::tools
