// Identity — by what a client is remembered: its address, and the organisation that its confirmed
// name belongs to, if that name is the organisation's own.
// Owns: values.   Called by: Lobby and Session, when they store and when they look up alike.
// Fails: never; whoever has no such name is known by the address alone. Pure.
// A name that a provider made up for a line, or one of a cloud, says nothing about who is behind
// it: else one good customer of a provider would vouch for all bots on its lines.
#pragma once

#include <string>

#include "conf/base/ip_address.hpp"
#include "filters/finding.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::filters::memory {

struct Identity {
  IpAddress client;
  std::string organisation;  // empty: none that counts

  bool operator==(const Identity&) const = default;
};

// Whether all that `identify()` needs is answered.
bool has_name_answers(const SessionFacts& facts);
// `findings` are those of the filter "network" at least.
Identity identify(const SessionFacts& facts, const Findings& findings);

}  // namespace smtpguard::filters::memory
