#include "filters/policy_set.hpp"

#include <algorithm>

namespace smtpguard::filters {

const NamedPolicy* PolicySet::find(std::string_view name) const {
  const auto found = std::find_if(policies_.begin(), policies_.end(),
                                  [&](const NamedPolicy& policy) { return policy.name == name; });
  return found == policies_.end() ? nullptr : &*found;
}

const NamedPolicy& PolicySet::choose(const NamedPolicy& of_listener,
                                     const Mailbox& recipient) const {
  for (const NamedPolicy& policy : policies_) {
    if (policy.recipients.has_address(recipient.local_part, recipient.domain)) {
      return policy;
    }
  }
  for (const NamedPolicy& policy : policies_) {
    if (policy.recipients.has_domain(recipient.domain)) {
      return policy;
    }
  }
  return of_listener;
}

bool PolicySet::is_exempt(const Mailbox& recipient) const {
  return is_exempt_recipient(canonical_local_part(recipient.local_part)) ||
         exempt_.has_address(recipient.local_part, recipient.domain) ||
         exempt_.has_domain(recipient.domain);
}

bool PolicySet::has_choice() const {
  return std::any_of(policies_.begin(), policies_.end(),
                     [](const NamedPolicy& policy) { return !policy.recipients.empty(); });
}

}  // namespace smtpguard::filters
