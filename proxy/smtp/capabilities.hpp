// Capabilities — what an SMTP server says behind EHLO, as far as we pass it on.
// Owns: values.   Called by: ClientDialog (learns them), ServerDialog (offers the intersection).
// Fails: never; unknown keywords are left out, so that nothing is offered that we do not carry.
// RFC 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8), 3461 (DSN), 2034, 2920 (PIPELINING).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace smtpguard::smtp {

struct Capabilities {
  bool eight_bit_mime = false;
  bool smtp_utf8 = false;
  bool dsn = false;
  bool enhanced_status_codes = false;
  bool start_tls = false;
  bool has_size = false;
  std::uint64_t size = 0;  // 0: no fixed maximum is in force
  std::string xclient;     // the attribute names behind XCLIENT; empty: not offered

  bool operator==(const Capabilities&) const = default;
};

// What may be offered while no backend has been seen yet.
Capabilities capabilities_before_any_backend();

// What both can do. Of two sizes the larger, and of the attributes of XCLIENT none: those are told
// to one server, and a message must not be refused by the limit of another one.
Capabilities common(const Capabilities& one, const Capabilities& other);

// The lines of an EHLO reply, the first one (the greeting) included.
Capabilities parse_capabilities(const std::vector<std::string>& lines);

}  // namespace smtpguard::smtp
