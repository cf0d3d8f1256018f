// Access — the administrator's own lists: who is let through, watched, thrown away, refused, or not
// worth a line in the log.
// Owns: the entries.   Called by: Lobby (allowed networks skip the greet delay), Session (quiet),
// the chain (everything else).   Fails: never; a bad entry is a configuration error.
// Who a client is, is decided by its address first, then by the networks that a domain publishes
// (SPF), then by its autonomous system, then by its name if the reverse DNS confirms it, then by
// its HELO; in each the most specific entry decides, and of equals the harder one. So `allow`,
// which is only by what cannot be forged, is never undone by what anybody can say. Senders and
// recipients are looked up beside that, for allowed clients as well.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "conf/base/cidr.hpp"
#include "filters/name_patterns.hpp"
#include "filters/origin.hpp"
#include "filters/recipients.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::filters {

struct AccessList {
  CidrSet networks;
  std::vector<std::string> spf;        // domains, in lower case
  std::vector<std::uint32_t> systems;  // autonomous ones; sorted
  NamePatterns ptr;
  NamePatterns helo;
  RecipientPatterns from;
  RecipientPatterns to;
  bool has_null_sender = false;
};

struct AccessSettings {
  AccessList allow;
  AccessList observe;
  AccessList discard;
  AccessList deny;
  AccessList quiet;
  // Who says of which autonomous system an address is; null: nobody.
  std::shared_ptr<const OriginSources> origins;

  // Each once.
  std::vector<std::string> spf_domains() const;
  // Whether an answer of the DNS may let a client through, or spare it a refusal.
  bool may_spare_by_dns() const;
};

// From mild to hard.
enum class Access : std::uint8_t { Unlisted, Allow, Observe, Discard, Deny };
// "deny"; empty for Unlisted.
std::string_view to_string(Access access);

struct AccessAnswer {
  Access access = Access::Unlisted;
  std::string entry;  // the one that decided, as in the list; for the reason in the log

  bool operator==(const AccessAnswer&) const = default;
};

// Reads [access] and [asn] below `root`. What stands in two of the four lists that decide is an
// error.
AccessSettings read_access(conf::Reader& root);

// By the address alone: networks, what domains publish (null: nothing is known of that), and a file
// of autonomous systems.
AccessAnswer look_up(const AccessSettings& lists, const IpAddress& client,
                     const dns::SpfTable* spf = nullptr);

// By address, the DNS about its autonomous system, confirmed name and HELO.
struct ClientAccess {
  AccessAnswer answer;
  bool is_open = false;     // the DNS may still decide
  bool is_unknown = false;  // it could not be asked: `answer` is what the rest says
};
ClientAccess look_up_client(const AccessSettings& lists, const SessionFacts& facts);

AccessAnswer look_up_sender(const AccessSettings& lists, const Mailbox& sender);
AccessAnswer look_up_recipient(const AccessSettings& lists, const Mailbox& recipient);

// Known noise, by anything that is known of the session.
bool is_quiet(const AccessSettings& lists, const SessionFacts& facts);

}  // namespace smtpguard::filters
