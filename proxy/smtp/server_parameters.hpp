// Server parameters — may this MAIL or RCPT carry these ESMTP parameters, given what we offered?
// Owns: nothing; pure.   Called by: ServerDialog.   Fails: returns the reply that refuses.
// RFC 5321 4.1.1.11 (555 for what was not offered), 1870 (SIZE), 6152 (BODY), 6531 (SMTPUTF8), 3461
// (DSN).
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/smtp/capabilities.hpp"
#include "proxy/smtp/command.hpp"
#include "proxy/smtp/reply.hpp"

namespace smtpguard::smtp {

enum class StartTls : std::uint8_t {
  No,  // there is none: 502
  Offered,
  Withheld,  // not to this client: 454
};

struct Offer {
  Capabilities capabilities;
  std::uint64_t message_size = 0;  // what SIZE says; 0 is "no limit known"
  bool pipelining = false;
  StartTls start_tls = StartTls::No;
};

// The lines of our EHLO reply behind the greeting line.
std::vector<std::string> offered_lines(const Offer& offer);

std::optional<Reply> check_mail(const Command& mail, const Offer& offer, bool is_esmtp);
// `utf8_allowed`: MAIL of this transaction said SMTPUTF8.
std::optional<Reply> check_rcpt(const Command& rcpt, const Offer& offer, bool is_esmtp,
                                bool utf8_allowed);

bool has_parameter(const Command& command, std::string_view keyword);
// BODY=8BITMIME; SMTPUTF8 needs no BODY beside it for UTF-8 headers (RFC 6531 3.6).
bool announces_eight_bit(const Command& mail);

}  // namespace smtpguard::smtp
