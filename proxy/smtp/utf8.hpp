// Utf8 — the one question that SMTP text asks about UTF-8: what stands at the front of this?
// Owns: nothing.   Called by: Command (addresses), Reply (text for clients).
// Fails: 0 for what must not pass: C0, DEL, C1, over-long forms, surrogates, cut sequences.
// RFC 3629 3, RFC 6531 3.3.
#pragma once

#include <cstddef>
#include <string_view>

namespace smtpguard::smtp {

// Octets of the printable character at the front of `text`: 1 for ASCII 32 to 126, 2 to 4 for
// well-formed UTF-8 of U+00A0 and above, else 0.
std::size_t printable_length(std::string_view text);

}  // namespace smtpguard::smtp
