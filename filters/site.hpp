// Site — what filters may know of the site that they protect; and its networks.
// Owns: values.   Called by: service/settings (fills it), filters (copy what they need of it).
// Fails: never; read_networks() tells what is wrong in the report.
#pragma once

#include <string>
#include <vector>

#include "conf/base/cidr.hpp"
#include "conf/base/ip_address.hpp"
#include "filters/access.hpp"
#include "filters/dns_lists.hpp"
#include "filters/recipients.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::filters {

// [networks]
struct Networks {
  CidrSet local;           // default: loopback, private and link-local networks
  CidrSet relay;           // may send to foreign recipients: printers and monitors of the LAN
  CidrSet trusted_relays;  // backup MX, forwarders
  CidrSet monitors;        // health checks: greeted at once, not logged line by line
};

Networks read_networks(conf::Reader section);

struct Site {
  std::string hostname;
  std::vector<IpAddress> addresses;  // our listeners', without wildcards
  RecipientDomains recipients;
  Networks networks;
  AccessSettings access;
  std::vector<DnsList> lists;

  // Before anything but the address is known.
  Standing standing_of(const IpAddress& client, const dns::SpfTable* spf = nullptr) const;
};

// Loopback, private, shared and link-local addresses, which many hosts have at once.
bool is_private(const IpAddress& address);

}  // namespace smtpguard::filters
