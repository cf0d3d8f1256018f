// TraceHeader — the Received line for a backend that cannot be told the client's address otherwise.
// Owns: nothing; pure.   Called by: Session, for identity = "none".
// Fails: never; a HELO that is no host name or literal is left out, since it could be anything.
// RFC 5321 4.4, 3848 (ESMTPS). It is put at the very start of the message, the only place where a
// header cannot come to stand in the middle of a line.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "conf/base/ip_address.hpp"
#include "conf/base/tls_facts.hpp"

namespace smtpguard::smtp {

struct TraceFacts {
  std::string_view helo;
  IpAddress client;
  std::string_view hostname;  // ours
  std::string_view session_id;
  bool is_esmtp = true;
  const TlsFacts* tls = nullptr;  // null: plaintext
  std::time_t when = 0;
};

// Two folded lines with CR LF.
std::string build_trace_header(const TraceFacts& facts);

}  // namespace smtpguard::smtp
