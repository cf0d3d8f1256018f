// Reverse names — the names under which an address is looked up, and whether its name is true.
// Owns: nothing.   Called by: the filters rdns, dnsbl, access.   Fails: never; pure functions.
// Forward-confirmed reverse DNS in two steps, so that the chain can ask between them:
// forward_questions() says which of the PTR's names to look up, confirm() says what came of it.
// RFC 1035 3.5 (in-addr.arpa), RFC 3596 2.5 (ip6.arpa), RFC 5782 2.1 and 2.4 (lists).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/ip_address.hpp"
#include "dns/answer.hpp"
#include "dns/question.hpp"

namespace smtpguard::dns {

// Only the first names of a PTR are checked: a thousand names would be a thousand questions that a
// stranger makes us ask.
inline constexpr std::size_t kMostNamesChecked = 5;

// "9.2.0.192", or the 32 nibbles of an IPv6 address.
std::string reversed(const IpAddress& address);
// "9.2.0.192.in-addr.arpa"
std::string reverse_name(const IpAddress& address);
// "9.2.0.192.zen.example.org"; the zone is configuration, without a dot before or after it. Some
// lists have IPv6 networks instead of addresses: the first `ipv6_nibbles` of 32 are asked for.
std::string list_name(const IpAddress& address, std::string_view zone,
                      std::size_t ipv6_nibbles = 32);

enum class Confirmation : std::uint8_t {
  Confirmed,    // a name of the PTR leads back to the address
  Unconfirmed,  // there is a PTR, but none of its names does
  None,         // no PTR
  TempError,    // nobody can say: trouble on the way
};

struct ReverseIdentity {
  Confirmation confirmation = Confirmation::TempError;
  // The confirmed name; else the PTR's first name, which may be shown but not believed; or empty.
  std::string name;

  bool operator==(const ReverseIdentity&) const = default;
};

// A or AAAA, as the address is; without doubles. Empty unless the PTR was found.
std::vector<Question> forward_questions(const IpAddress& address, const Answer& ptr);
// `forwards` belong to forward_questions() by place; what is missing counts as not answered.
ReverseIdentity confirm(const IpAddress& address, const Answer& ptr,
                        std::span<const Answer> forwards);

std::string_view to_string(Confirmation confirmation);

}  // namespace smtpguard::dns
