#include "filters/access.hpp"

namespace smtpguard::filters {

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
