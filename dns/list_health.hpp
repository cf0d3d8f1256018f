// ListHealth — which DNS lists do not do their work at present, and why. A value.
// Owns: its words.   Called by: session/ListWatch (makes a new one when something has changed),
// filters/dnsbl and smtpguardctl (read it).   Fails: never.
// A list that was given up lists everybody or nobody (ordb.org in 2008, emailbasura.org, SORBS):
// only its test entries tell (RFC 5782 5), and no session should find out by losing mail.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "dns/answer.hpp"
#include "dns/dns_list.hpp"

namespace smtpguard::dns {

struct ListHealth {
  // By zone; what is not in here works.
  std::map<std::string, std::string, std::less<>> troubles;

  // nullptr: the list works.
  const std::string* trouble_of(std::string_view zone) const {
    const auto found = troubles.find(zone);
    return found == troubles.end() ? nullptr : &found->second;
  }

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

  bool operator==(const SelfTest&) const = default;
};

// What came of the questions for presence_name() and test_name() of a list.
SelfTest judge_self_test(const Answer& presence, const Answer& absence,
                         std::span<const CodePattern> counted, ListKind kind);

}  // namespace smtpguard::dns
