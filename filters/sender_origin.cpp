#include "filters/sender_origin.hpp"

#include <algorithm>

#include "conf/base/cidr.hpp"
#include "conf/base/text.hpp"
#include "filters/names.hpp"
#include "filters/public_suffix.hpp"
#include "filters/reverse.hpp"

namespace smtpguard::filters {

std::string network_of(const IpAddress& client) {
  const int length = client.is_v4() ? 24 : 64;
  return Cidr{client.prefix(length), length}.to_string();
}

std::string sender_domain(const SessionFacts& facts) {
  if (!facts.sender || !is_host_name(facts.sender->domain)) {
    return {};
  }
  return to_lower(without_root_dot(facts.sender->domain));
}

bool has_confirmed_origin(const SessionFacts& facts) {
  const std::string domain = sender_domain(facts);
  if (organisational_domain(domain, Suffixes::All).empty()) {
    return false;
  }
  // Of the domains that the access lists name their SPF networks are known.
  const auto published = facts.spf ? facts.spf->find(domain) : dns::SpfTable::const_iterator();
  if (facts.spf && published != facts.spf->end() &&
      published->second.contains(facts.client.address)) {
    return true;
  }
  const std::vector<std::string> names = reverse_names_of(facts).confirmed;
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return is_same_organisation(without_root_dot(name), domain) &&
           generic_sign(name, facts.client.address).empty();
  });
}

std::vector<std::string> pools_of(const SessionFacts& facts) {
  std::vector<std::string> pools{network_of(facts.client.address)};
  for (const std::string& name : reverse_names_of(facts).confirmed) {
    const std::string pool = to_lower(organisational_domain(without_root_dot(name), Suffixes::All));
    if (!pool.empty() && std::find(pools.begin(), pools.end(), pool) == pools.end()) {
      pools.push_back(pool);
    }
  }
  return pools;
}

bool may_be_greylisted(const SessionFacts& facts) {
  return facts.standing == Standing::Stranger && !facts.is_monitor && !facts.has_come_back &&
         !facts.remembered.is_known_good && facts.correspondent == nullptr &&
         !has_confirmed_origin(facts);
}

}  // namespace smtpguard::filters
