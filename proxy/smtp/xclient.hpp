// Xclient — tells Postfix (and others) the client's true address: the XCLIENT command.
// Owns: nothing.   Called by: ClientDialog, fuzz target.   Fails: never; values are xtext-encoded.
// Postfix XCLIENT_README: attributes only as offered in EHLO; one line at most 512 octets; NAME and
// ADDR last, because the right to say more may vanish with ADDR; success is 220 and EHLO is due
// again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/ip_address.hpp"

namespace smtpguard::smtp {

struct XclientFacts {
  Endpoint client;
  Endpoint destination;  // where the client connected to
  // The forward-confirmed name; empty: [UNAVAILABLE]. Without NAME Postfix keeps the proxy's name.
  std::string name;
  bool name_is_temporarily_unknown = false;  // [TEMPUNAVAIL]
  // What the PTR says, confirmed or not. Empty: not told, and Postfix keeps the proxy's own, so
  // that reject_unknown_reverse_client_hostname passes rather than refuses on what we do not know.
  std::string reverse_name;
  std::string helo;
  bool is_esmtp = true;
};

// One or more complete commands with CRLF. `offered`: the words behind XCLIENT in the EHLO answer,
// e.g. "NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT". Nothing if ADDR is not
// offered: such a backend cannot be told who the client is.
std::vector<std::string> build_xclient(const XclientFacts& facts, std::string_view offered);

}  // namespace smtpguard::smtp
