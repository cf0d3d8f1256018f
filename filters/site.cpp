#include "filters/site.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "conf/reader.hpp"

namespace smtpguard::filters {
namespace {

// Loopback (RFC 6890), private (RFC 1918, 4193), shared (RFC 6598) and link-local addresses.
constexpr std::array<std::string_view, 9> kLocal{
    "127.0.0.0/8",    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
    "169.254.0.0/16", "::1/128",    "fc00::/7",      "fe80::/10"};

CidrSet local_by_default() {
  std::vector<Cidr> networks;
  for (const std::string_view text : kLocal) {
    networks.push_back(Cidr::parse(text).value());
  }
  return CidrSet(std::move(networks));
}

CidrSet read_set(conf::Reader& section, std::string_view key, bool may_be_everybody) {
  std::vector<Cidr> networks;
  for (const auto& [network, place] : section.networks(key)) {
    if (network.length == 0 && !may_be_everybody) {
      section.error(key, place, network.to_string() + " is everybody; name your own networks");
    }
    networks.push_back(network);
  }
  return CidrSet(std::move(networks));
}

}  // namespace

bool is_private(const IpAddress& address) {
  static const CidrSet networks = local_by_default();
  return networks.contains(address);
}

Standing Site::standing_of(const IpAddress& client, const dns::SpfTable* spf) const {
  if (look_up(access, client, spf).access == Access::Allow) {
    return Standing::Allowed;
  }
  if (networks.local.contains(client)) {
    return Standing::Local;
  }
  return networks.trusted_relays.contains(client) ? Standing::Trusted : Standing::Stranger;
}

Networks read_networks(conf::Reader section) {
  Networks networks;
  networks.local = local_by_default();
  if (section.has("local")) {
    networks.local = read_set(section, "local", false);
  } else {
    section.networks("local");  // known, and absent
    std::string text;
    for (const std::string_view network : kLocal) {
      text += (text.empty() ? "\"" : ", \"") + std::string(network) + '"';
    }
    section.note("local", '[' + text + ']', '[' + text + ']');
  }
  networks.relay = read_set(section, "relay", false);
  networks.trusted_relays = read_set(section, "trusted_relays", false);
  networks.monitors = read_set(section, "monitors", false);
  return networks;
}

}  // namespace smtpguard::filters
