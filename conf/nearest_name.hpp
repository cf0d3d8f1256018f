// Nearest name — the answer to a slip of the pen: "did you mean".
// Owns: nothing.   Called by: Reader, for keys, tables and words.   Fails: never.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace smtpguard::conf {

// The one of `names` that was probably meant; empty: none is near.
std::string nearest_name(std::string_view found, const std::vector<std::string>& names);

}  // namespace smtpguard::conf
