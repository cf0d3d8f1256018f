#include "filters/access.hpp"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/reader.hpp"
#include "filters/filter.hpp"

namespace smtpguard::filters {
namespace {

using Entries = std::vector<conf::Located<Cidr>>;

struct ListKeys {
  std::string_view entries;
  std::string_view files;
};

Entries read_list(conf::Reader& section, const ListKeys& keys) {
  Entries networks = section.networks(keys.entries);
  const Entries from_files = section.file_networks(keys.files);
  networks.insert(networks.end(), from_files.begin(), from_files.end());
  return networks;
}

CidrSet to_set(const Entries& networks) {
  std::vector<Cidr> values;
  values.reserve(networks.size());
  for (const auto& network : networks) {
    values.push_back(network.value);
  }
  return CidrSet(std::move(values));
}

void refuse_contradictions(conf::Reader& section, const CidrSet& allowed, const Entries& denied) {
  for (const auto& [network, place] : denied) {
    if (allowed.find(network.network) == network) {
      section.error("deny", place,
                    network.to_string() + " stands in the allow list too; keep it in one of them");
    }
  }
}

constexpr std::array kTests{Test{
    .name = "access.deny",
    .lenient = kRequire,
    .balanced = kRequire,
    .strict = kRequire,
    .says = "your address stands in this site's deny list",
}};

class AccessFilter final : public Filter {
 public:
  explicit AccessFilter(AccessSettings lists) : lists_(std::move(lists)) {}

  void judge(const SessionFacts& facts, Findings& findings) const override {
    const AccessAnswer answer = look_up(lists_, facts.client.address);
    if (answer.access == Access::Deny) {
      findings.push_back(failed(kTests[0], answer.entry.to_string()));
    }
  }

 private:
  AccessSettings lists_;
};

}  // namespace

extern const FilterKind kAccess;
const FilterKind kAccess{
    "access", FilterKind::Scope::Everybody, kTests,
    [](conf::Reader& /*root*/, const Site& site) -> std::unique_ptr<const Filter> {
      return std::make_unique<AccessFilter>(site.access);
    }};

AccessSettings read_access(conf::Reader section) {
  const Entries allow = read_list(section, {"allow", "allow_files"});
  const Entries deny = read_list(section, {"deny", "deny_files"});
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
