// Access — the administrator's own lists of addresses and networks: who is let through, who is not.
// Owns: the networks.   Called by: Lobby (allow skips the greet delay), the chain (deny).
// Fails: never; a bad entry is a configuration error.
// `allow` is only by what cannot be forged; the most specific entry wins, deny wins a tie.
#pragma once

#include <cstdint>

#include "conf/base/cidr.hpp"

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::filters {

struct AccessSettings {
  CidrSet allow;
  CidrSet deny;
};

enum class Access : std::uint8_t { Unlisted, Allow, Deny };

struct AccessAnswer {
  Access access = Access::Unlisted;
  Cidr entry;  // the one that decided; for the reason in log and reply
};

// Reads [access]. A network that stands in both lists is an error.
AccessSettings read_access(conf::Reader section);

AccessAnswer look_up(const AccessSettings& lists, const IpAddress& client);

}  // namespace smtpguard::filters
