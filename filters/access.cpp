#include "filters/access.hpp"

#include <string_view>
#include <utility>
#include <vector>

#include "conf/reader.hpp"

namespace smtpguard::filters {
namespace {

using Networks = std::vector<conf::Located<Cidr>>;

struct ListKeys {
  std::string_view entries;
  std::string_view files;
};

Networks read_list(conf::Reader& section, const ListKeys& keys) {
  Networks networks = section.networks(keys.entries);
  const Networks from_files = section.file_networks(keys.files);
  networks.insert(networks.end(), from_files.begin(), from_files.end());
  return networks;
}

CidrSet to_set(const Networks& networks) {
  std::vector<Cidr> values;
  values.reserve(networks.size());
  for (const auto& network : networks) {
    values.push_back(network.value);
  }
  return CidrSet(std::move(values));
}

void refuse_contradictions(conf::Reader& section, const CidrSet& allowed, const Networks& denied) {
  for (const auto& [network, place] : denied) {
    if (allowed.find(network.network) == network) {
      section.error("deny", place,
                    network.to_string() + " stands in the allow list too; keep it in one of them");
    }
  }
}

}  // namespace

AccessSettings read_access(conf::Reader section) {
  const Networks allow = read_list(section, {"allow", "allow_files"});
  const Networks deny = read_list(section, {"deny", "deny_files"});
  AccessSettings settings{to_set(allow), to_set(deny)};
  refuse_contradictions(section, settings.allow, deny);
  return settings;
}

AccessAnswer look_up(const AccessSettings& lists, const IpAddress& client) {
  const auto allow = lists.allow.find(client);
  const auto deny = lists.deny.find(client);
  if (deny && (!allow || deny->length >= allow->length)) {
    return {Access::Deny, *deny};
  }
  if (allow) {
    return {Access::Allow, *allow};
  }
  return {};
}

}  // namespace smtpguard::filters
