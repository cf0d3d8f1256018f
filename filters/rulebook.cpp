#include "filters/rulebook.hpp"

#include <algorithm>
#include <vector>

#include "conf/base/text.hpp"
#include "conf/reader.hpp"

namespace smtpguard::filters {
namespace {

bool is_policy_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '_';
  });
}

NamedPolicy read_named_policy(conf::Reader section) {
  NamedPolicy named;
  named.name = section.name();
  named.policy = read_policy(section);
  named.recipients = read_recipient_patterns(section, "recipients");
  return named;
}

PolicySet read_policies(conf::Reader& root) {
  PolicySet policies;
  for (auto& section : root.named_sections("policy")) {
    if (!is_policy_name(section.name())) {
      section.error("", "bad name; allowed: 1 to 32 letters, digits, hyphens, underscores");
    }
    policies.add(read_named_policy(section));
  }
  // "default" is always there, and read as an absent table its keys are known in any case.
  if (policies.find("default") == nullptr) {
    policies.add(read_named_policy(root.section("policy").section("default")));
  }
  return policies;
}

// What is wrong with a listener is told by who listens.
std::vector<IpAddress> read_own_addresses(conf::Reader& root) {
  std::vector<IpAddress> addresses;
  for (auto& section : root.sections("listener")) {
    Endpoint endpoint;
    if (section.endpoint("address", endpoint) && !endpoint.address.is_unspecified()) {
      addresses.push_back(endpoint.address);
    }
  }
  return addresses;
}

}  // namespace

Rulebook read_rulebook(conf::Reader& root, const std::string& hostname) {
  Rulebook book;
  book.site.hostname = hostname;
  book.site.addresses = read_own_addresses(root);
  book.site.recipients = read_recipients(root.section("recipients"));
  book.site.networks = read_networks(root.section("networks"));
  book.site.access = read_access(root);
  book.site.lists = read_dns_lists(root);
  book.policies = read_policies(root);
  conf::Reader recipients = root.section("recipients");
  book.policies.set_exempt(read_recipient_patterns(recipients, "exempt"));
  book.chain = std::make_shared<Chain>(root, book.site);
  return book;
}

}  // namespace smtpguard::filters
