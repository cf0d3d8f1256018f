#include "filters/own_name.hpp"

#include <algorithm>
#include <string>

#include "dns/answer.hpp"
#include "filters/names.hpp"

namespace smtpguard::filters {
namespace {

dns::RecordType type_of(const IpAddress& client) {
  return client.is_v4() ? dns::RecordType::A : dns::RecordType::AAAA;
}

bool may_be_own(std::string_view name, const IpAddress& client) {
  return dns::is_usable_host(name) && generic_sign(name, client).empty();
}

}  // namespace

void want_own_name(const SessionFacts& facts, std::vector<dns::Question>& questions) {
  const std::string name(without_root_dot(facts.helo));
  if (may_be_own(name, facts.client.address)) {
    questions.push_back({name, type_of(facts.client.address)});
  }
}

OwnName own_name_of(const SessionFacts& facts) {
  const IpAddress& client = facts.client.address;
  const std::string_view name = without_root_dot(facts.helo);
  if (!may_be_own(name, client)) {
    return OwnName::No;
  }
  const dns::Answer* const answer = facts.dns.find(name, type_of(client));
  if (answer == nullptr) {
    return OwnName::Open;
  }
  const auto& addresses = answer->addresses();
  return std::find(addresses.begin(), addresses.end(), client) == addresses.end() ? OwnName::No
                                                                                  : OwnName::Yes;
}

}  // namespace smtpguard::filters
