#include "filters/memory/identity.hpp"

#include <algorithm>

#include "filters/names.hpp"
#include "filters/public_suffix.hpp"
#include "filters/reverse.hpp"

namespace smtpguard::filters::memory {

namespace {

// The lists of clouds and scanners, the administrator's among them, are the filter's.
bool is_of_a_cloud(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.outcome == Outcome::Fail &&
           (finding.test->name == "network.cloud" || finding.test->name == "network.scanner");
  });
}

}  // namespace

bool has_name_answers(const SessionFacts& facts) {
  return reverse_of(facts).has_value();
}

Identity identify(const SessionFacts& facts, const Findings& findings) {
  Identity identity{facts.client.address, {}};
  const ReverseNames names = reverse_names_of(facts);
  if (!names.is_complete || is_of_a_cloud(findings)) {
    return identity;
  }
  for (const std::string& name : names.confirmed) {
    if (generic_sign(name, facts.client.address).empty()) {
      identity.organisation = organisational_domain(without_root_dot(name), Suffixes::All);
    }
    if (!identity.organisation.empty()) {
      break;
    }
  }
  return identity;
}

}  // namespace smtpguard::filters::memory
