#include "filters/policy.hpp"

#include <fmt/format.h>

#include "conf/base/text.hpp"

namespace smtpguard::filters {

bool is_condemned(const SessionFacts& facts) {
  return facts.access.access == Access::Deny;
}

bool is_exempt_recipient(std::string_view local_part) {
  return equals_ignoring_case(local_part, "postmaster") ||
         equals_ignoring_case(local_part, "abuse");
}

Verdict judge_recipient(const SessionFacts& facts, const RecipientDomains& ours,
                        std::string_view local_part, std::string_view domain) {
  if (!ours.contains(domain)) {
    return {Verdict::Kind::Refuse, 550, "5.7.1", "relaying denied: not a recipient of this site",
            "relay.foreign"};
  }
  if (is_condemned(facts) && !is_exempt_recipient(local_part)) {
    return {Verdict::Kind::Refuse, 550, "5.7.1",
            fmt::format("client address {} is refused by this site's access list",
                        facts.client.address.to_string()),
            fmt::format("access.deny {}", facts.access.entry.to_string())};
  }
  return {};
}

}  // namespace smtpguard::filters
