// ProtocolRecogniser — names the protocol that a client speaks to us when it is not SMTP.
// Owns: nothing.   Called by: session conduct (first bytes, and each line that is no command),
// fuzz target. Fails: never; what it does not know has no name, and no command of SMTP has one.
// Scanners and exploits knock at port 25 with whatever they have: a name tells an administrator
// more than twenty lines of "command not recognized".
#pragma once

#include <string_view>

namespace smtpguard::filters {

// "HTTP", "TLS", ...; empty: not recognised. `bytes` are the first that were sent, or one line,
// with or without its end.
std::string_view recognise(std::string_view bytes);

}  // namespace smtpguard::filters
