// PathParser — the address of MAIL or RCPT out of hostile bytes.
// Owns: nothing.   Called by: parse_command().
// Fails: `error` is a sentence for the sender; the path is then of no use.
// RFC 5321 4.1.2 (Mailbox), 4.5.3.1 (sizes), appendix C (source routes), RFC 6531 3.3 (UTF-8).
#pragma once

#include <string_view>

#include "proxy/smtp/command.hpp"

namespace smtpguard::smtp {

struct ParsedPath {
  Path path;
  std::string_view rest;   // what stands behind the path
  std::string_view error;  // empty: fine
};

// "<@a,@b:user@example.org> SIZE=1", "user@example.org SIZE=1" or "<>". An address without a domain
// comes out with an empty one: whether that is allowed depends on the command.
ParsedPath parse_path(std::string_view text);

}  // namespace smtpguard::smtp
