// Address in a name — does a host name spell out an address? Computed from the address, not
// matched by patterns. Owns: nothing.   Called by: names.   Fails: never; pure functions.
// Names are given in lower case. Found are three octets that follow each other or all four,
// forwards or backwards: 203-0-113, 113.0.203, 203000113009, 2030113009 (eight digits or more),
// cb007109, cb.00.7109; of IPv6 four groups, or half of the nibbles.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/ip_address.hpp"

namespace smtpguard::filters {

bool holds_address(std::string_view name, const IpAddress& address);
// Four octets in a row, such as 192-0-2-9: somebody's address, if not the client's; empty: none.
std::string quad_in(std::string_view name);

}  // namespace smtpguard::filters
