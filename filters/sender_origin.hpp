// SenderOrigin — where a message comes from, as far as nobody can forge it: the organisation of the
// client's confirmed names, and whether the sender's domain is of it. Owns: nothing.
// Called by: Judge, what is remembered of senders.   Fails: never; what the DNS has not said, or
// not without trouble, is not confirmed. Pure.
#pragma once

#include <string>
#include <vector>

#include "filters/session_facts.hpp"

namespace smtpguard::filters {

// The domain of the sender in hand; empty: there is none that is a host name.
std::string sender_domain(const SessionFacts& facts);

// A confirmed reverse name is of the organisation of the sender's domain, or the domain publishes
// the client's address (SPF), as far as that is known.
bool has_confirmed_origin(const SessionFacts& facts);

// IPv4 /24, IPv6 /64: "192.0.2.0/24".
std::string network_of(const IpAddress& client);
// By what a client that comes back is known again: its network (IPv4 /24, IPv6 /64) and the
// organisations of its confirmed names, since large senders come back from another machine.
std::vector<std::string> pools_of(const SessionFacts& facts);

// Strangers whose manners are not known, in the name of somebody else.
bool may_be_greylisted(const SessionFacts& facts);

}  // namespace smtpguard::filters
