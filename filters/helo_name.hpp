// HeloName — what a client calls itself, told apart: an address in brackets or bare, a name of
// ours, of a bot, of no place on the Internet, or a name that may be looked up. Owns: nothing.
// Called by: helo.   Fails: never; what is no name at all is Unqualified.
// RFC 5321 4.1.1.1 and 4.1.3; address literals are read before anything else, because a right one,
// [IPv6:2001:db8::1], looks like the worst of names to all other tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/cidr.hpp"
#include "conf/base/ip_address.hpp"

namespace smtpguard::filters {

enum class HeloKind : std::uint8_t {
  Name,           // a qualified name that may be true
  Self,           // our own name or address
  BotName,        // what no mail server is called
  Literal,        // [192.0.2.9], and the client has it
  WrongLiteral,   // another address in brackets, or something that is no address
  BareAddress,    // 192.0.2.9 without brackets
  Unqualified,    // without a dot, or no host name at all
  Reserved,       // localhost, or below a domain that exists only inside of networks
  Documentation,  // example.org and its like
};

// The address of "[192.0.2.9]" or "[IPv6:2001:db8::1]"; also without the tag, as some write it.
std::optional<IpAddress> address_in_literal(std::string_view helo);

// Whom the name is held against.
struct HeloContext {
  IpAddress client;
  std::string_view hostname;         // ours
  std::vector<IpAddress> addresses;  // ours
  const std::vector<std::string>* bot_names =
      nullptr;  // of the administrator, beside the known ones
};

HeloKind kind_of(std::string_view helo, const HeloContext& context);

// A big company, whose name bots like to say.
struct Company {
  std::vector<std::string_view> names;    // what a client may claim
  std::vector<std::string_view> servers;  // where the reverse names of its servers are
  CidrSet networks{};                     // its servers' addresses, where those have no names
};

// The company whose name the client says; nullptr: none.
const Company* company_of(std::string_view helo);

}  // namespace smtpguard::filters
