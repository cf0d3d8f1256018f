// ListHealth — which DNS lists do not do their work at present, and why. A value.
// Owns: its words.   Called by: session/ListWatch (makes a new one when something has changed),
// filters/dnsbl, Investigation and smtpguardctl (read it).   Fails: never.
// A list that was given up lists everybody or nobody (ordb.org in 2008, emailbasura.org, SORBS):
// only its test entries tell (RFC 5782 5), and no session should find out by losing mail.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "dns/answer.hpp"
#include "dns/dns_list.hpp"

namespace smtpguard::dns {

struct ListHealth {
  using Troubles = std::map<std::string, std::string, std::less<>>;

  // By zone; what is not in here works. A list may know IPv4 and nothing of IPv6, or the reverse.
  Troubles troubles;       // of its IPv4 entries, or of its names
  Troubles ipv6_troubles;  // of its IPv6 entries
  // Zones that are asked, and that nobody waits for.
  std::set<std::string, std::less<>> slow;

  // nullptr: the list works.
  const std::string* trouble_of(std::string_view zone, EntryKind kind = EntryKind::Ipv4) const {
    const Troubles& all = kind == EntryKind::Ipv6 ? ipv6_troubles : troubles;
    const auto found = all.find(zone);
    return found == all.end() ? nullptr : &found->second;
  }
  // Whether `name` is asked of such a zone.
  bool is_slow(std::string_view name) const;

  bool operator==(const ListHealth&) const = default;
};

struct SelfTest {
  enum class Result : std::uint8_t {
    Works,
    Fails,    // an entry that must be there is not, or the other way round
    Unknown,  // no answer: it may work all the same
  };
  Result result = Result::Unknown;
  std::string trouble{};      // in words; empty if it works
  std::string_view remedy{};  // what the administrator here can do; may be empty
  // As far as that is known.
  bool has_listed_entry = false;
  bool has_unlisted_entry = false;

  bool operator==(const SelfTest&) const = default;
};

// What came of the questions for presence_name() and test_name() of a list.
SelfTest judge_self_test(EntryKind kind, const Answer& presence, const Answer& absence,
                         std::span<const CodePattern> counted, ListKind list_kind);

}  // namespace smtpguard::dns
