// RecipientDomains — the domains this site takes mail for; everything else would be relaying.
// Owns: the names, lower case.   Called by: policy.   Fails: never; a bad entry is a configuration
// error. "example.org" is that domain alone, ".example.org" all names below it. RFC 5321 4.5.1:
// <postmaster> without a domain is always ours.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::filters {

class RecipientDomains {
 public:
  // `entry` must be a host name, perhaps with one leading dot (conf checks it).
  void add(std::string_view entry);
  // `domain` as the client said it, in any case; empty for <postmaster>.
  bool contains(std::string_view domain) const;
  bool has(std::string_view entry) const;
  bool empty() const { return domains_.empty(); }
  std::size_t size() const { return domains_.size(); }

 private:
  std::set<std::string, std::less<>> domains_;
};

// A local part as it is compared: `"bob"` and `"b\ob"` are bob (RFC 5321 4.1.2, 2.3.11), while
// `"b ob"` needs its quotes and stays as said. Backends are told what the client said.
std::string canonical_local_part(std::string_view local_part);

// RecipientPatterns — some recipients: whole addresses, domains, and all names below a domain.
class RecipientPatterns {
 public:
  // "user@example.org", "example.org" or ".example.org"; false: it is none of them.
  bool add(std::string_view entry);
  // Whether this very entry is there.
  bool has(std::string_view entry) const;
  // `local_part` as the client said it, with quotes or without.
  bool has_address(std::string_view local_part, std::string_view domain) const;
  bool has_domain(std::string_view domain) const;
  bool empty() const { return addresses_.empty() && domains_.empty(); }

 private:
  std::set<std::string, std::less<>> addresses_;  // in lower case, local part canonical
  RecipientDomains domains_;
};

// Reads a list of them; what is none is told in the report.
RecipientPatterns read_recipient_patterns(conf::Reader& section, std::string_view key);

// Reads [recipients]. No domain at all is an error: every recipient would be refused.
RecipientDomains read_recipients(conf::Reader section);

}  // namespace smtpguard::filters
