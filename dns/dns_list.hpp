// DNS lists — which answers of a list are listings, and what all the others mean.
// Owns: values.   Called by: filters/dnsbl, smtpguardctl.   Fails: parse() with an Error that names
// the bad part; judging never fails.
// An error code is not a listing: only codes that the configuration names count. RFC 5782 2.1 puts
// all codes into 127.0.0.0/8; what lies outside comes from parked domains and from resolvers that
// rewrite NXDOMAIN. Lists that do not want to answer say so by 127.255.255.0/24 (Spamhaus and
// others), by 127.0.0.1 (URIBL, SURBL) or by 127.0.0.255 (DNSWL): whoever took those for listings
// lost all mail, or let all in.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/ip_address.hpp"
#include "conf/base/result.hpp"
#include "dns/answer.hpp"

namespace smtpguard::dns {

// A set of codes: "127.0.0.2", "127.0.0.[2..11]", "127.0.0.[2;4;6..8]", "127.0.[0..255].3".
class CodePattern {
 public:
  static Result<CodePattern> parse(std::string_view text);

  bool matches(const IpAddress& code) const;
  // As it was written.
  const std::string& text() const { return text_; }

 private:
  std::array<std::bitset<256>, 4> parts_;
  std::string text_;
};

// What counts where nothing is configured: "127.0.0.[2..254]".
const CodePattern& usual_codes();

enum class ListKind : std::uint8_t {
  Block,  // who stands on it sends what nobody wants
  Allow,  // who stands on it is known for good mail
};

struct ListAnswer {
  enum class Kind : std::uint8_t {
    NotListed,
    Listed,
    Error,    // the list, or somebody on the way, does not do its work; no evidence
    Trouble,  // no answer; no evidence
  };
  Kind kind = Kind::Trouble;
  // Listed: those that count; NotListed: those that do not; Error: those that say so.
  std::vector<IpAddress> codes;
  std::string_view meaning;  // of an error, in words
  std::string_view remedy;   // what the administrator here can do; may be empty
  Outcome outcome = Outcome::NotAsked;

  bool operator==(const ListAnswer&) const = default;
};

// `answer` is that of the A question for list_name(). One error code among the codes spoils all.
ListAnswer judge_list(const Answer& answer, std::span<const CodePattern> counted, ListKind kind);

// What a list lists.
enum class EntryKind : std::uint8_t { Ipv4, Ipv6, Name };

// The entry that no working list has: 127.0.0.1, ::FFFF:7F00:1 or INVALID (RFC 5782 5). A list that
// has it lists everybody, as lists do that were given up.
std::string test_name(EntryKind kind, std::string_view zone);
// The entry that every working list has: 127.0.0.2, ::FFFF:7F00:2 or TEST.
std::string presence_name(EntryKind kind, std::string_view zone);
// The same for people.
std::string_view words_of_test_entry(EntryKind kind);
std::string_view words_of_presence_entry(EntryKind kind);

// The zone as it may be shown: keys for paid and registered use are part of a zone's name, and
// whoever sees one can use it up. "(key).zen.dq.spamhaus.net"
std::string masked_zone(std::string_view zone);

}  // namespace smtpguard::dns
