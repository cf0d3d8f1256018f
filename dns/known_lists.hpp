// Known lists — what the codes of well-known DNS lists mean, and which lists are no more.
// Owns: a table.   Called by: filters/dnsbl (labels, evidence, warnings), smtpguardctl.
// Fails: never; what is not known is empty. Words only: what counts is configuration.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/ip_address.hpp"

namespace smtpguard::dns {

// "zen", "dnswl"; a zone with a key in front of it is the same list.
std::string_view known_label(std::string_view zone);
// "XBL (exploit)"
std::string_view known_meaning(std::string_view zone, const IpAddress& code);
// Its operator is known to answer public resolvers with an error code, or not at all.
bool refuses_public_resolvers(std::string_view zone);
// "closed in 2013 (SOURCE)": such a zone lists nobody, or everybody. conf/lists/retired.txt.
std::string retirement(std::string_view zone);

}  // namespace smtpguard::dns
