// JsonText — JSON as programs and people read it: 12.5, not 1.25E1, which Boost.JSON would write.
// Owns: nothing.   Called by: whatever answers --json.   Fails: never.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>

namespace smtpguard::control {

std::string json_text(const boost::json::value& value);

}  // namespace smtpguard::control
