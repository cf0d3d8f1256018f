// Rulebook — all that decides about a session: the site, the chain of filters, the policies.
// Owns: them.   Called by: service/settings (reads it), Judge, Investigation's owner.
// Fails: never; read_rulebook() tells what is wrong in the report.
#pragma once

#include <memory>
#include <string>

#include "filters/chain.hpp"
#include "filters/policy_set.hpp"
#include "filters/site.hpp"

namespace smtpguard::filters {

struct Rulebook {
  Site site;
  PolicySet policies;  // "default" is always among them
  // Never changed, so that copies of the rulebook may share it.
  std::shared_ptr<const Chain> chain = std::make_shared<Chain>();
};

// Reads [networks], [access], [dnsbl], [recipients], what [policy.NAME] says of verdicts, the
// addresses of the listeners, and the sections of all filters.
Rulebook read_rulebook(conf::Reader& root, const std::string& hostname);

}  // namespace smtpguard::filters
