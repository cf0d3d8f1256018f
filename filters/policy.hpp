// Policy — turns what is known of a session into a verdict for a recipient; pure.
// Owns: nothing.   Called by: Session, at MAIL and at each RCPT.   Fails: never.
// First form: access lists and the recipient domains of this site. The issue "Judge" puts findings,
// scores and postures in between; the shape of a Verdict and who asks for it stay.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "filters/access.hpp"
#include "filters/recipients.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::filters {

struct Verdict {
  enum class Kind : std::uint8_t { Pass, Refuse };
  Kind kind = Kind::Pass;
  std::uint16_t code = 250;
  std::string enhanced;
  std::string text;    // for the client; the session id is added by whoever says it
  std::string reason;  // for the log: "access.deny 192.0.2.0/24", "relay.foreign"

  bool operator==(const Verdict&) const = default;
};

// A client that is refused whatever recipient it names, but for the exempt ones. Its MAIL is
// answered by ourselves, and costs no backend connection.
bool is_condemned(const SessionFacts& facts);

// RFC 5321 4.5.1 (postmaster) and RFC 2142 (abuse): always to be reached, at our own domains.
bool is_exempt_recipient(std::string_view local_part);

// `local_part` and `domain` as the client said them.
Verdict judge_recipient(const SessionFacts& facts, const RecipientDomains& ours,
                        std::string_view local_part, std::string_view domain);

}  // namespace smtpguard::filters
