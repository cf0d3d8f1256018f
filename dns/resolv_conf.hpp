// resolv.conf — the name servers of this machine.
// Owns: nothing.   Called by: whoever opens an AresChannel without servers of its own.
// Fails: never; lines that are not understood are passed over, as resolv.conf(5) has it. Without
// any usable line the answer is the server of this machine, as with libc. Read by us, not by
// c-ares, so that search domains, `options` and the environment cannot change how we ask.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/ip_address.hpp"

namespace smtpguard::dns {

// At most three, as libc; with an interface ("fe80::1%eth0") none.
std::vector<Endpoint> parse_resolv_conf(std::string_view text);
// A file that cannot be read is an empty one.
std::vector<Endpoint> read_resolv_conf(const std::string& path = "/etc/resolv.conf");

}  // namespace smtpguard::dns
