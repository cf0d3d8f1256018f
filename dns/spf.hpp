// Spf — a domain's published senders (RFC 7208), as far as they are networks. Pure.
// Owns: values.   Called by: SpfWalk, the fuzz target spf.
// Fails: parse_spf() names the term that is wrong.
// Not a check of senders: the question is only which addresses a domain that somebody trusts names
// as its own. So there are no macros and no `exists` or `ptr`, which say nothing before a client
// comes; libspf2, which has all of it, has had a remote hole in just those (CVE-2023-42118).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/cidr.hpp"
#include "conf/base/result.hpp"

namespace smtpguard::dns {

struct SpfTerm {
  enum class Kind : unsigned char {
    All,
    Network,     // ip4, ip6
    Address,     // a
    Exchangers,  // mx
    Include,
    Unknowable,  // exists, ptr, and whatever has a macro
  };

  Kind kind = Kind::All;
  bool passes = true;  // "+", or nothing before it
  Cidr network;        // Network
  std::string domain;  // of Address, Exchangers and Include; empty: the one that has the record
  int length4 = 32;    // of Address and Exchangers
  int length6 = 128;

  bool operator==(const SpfTerm&) const = default;
};

struct SpfRecord {
  std::vector<SpfTerm> terms;
  std::string redirect;  // empty: none that can be followed

  bool operator==(const SpfRecord&) const = default;
};

inline constexpr std::size_t kMostSpfTerms = 256;

// "v=spf1", alone or with a blank behind it.
bool is_spf(std::string_view text);
Result<SpfRecord> parse_spf(std::string_view text);

}  // namespace smtpguard::dns
