// TlsSettings — [tls]: the certificates that clients are shown, and how long a handshake may take.
// Owns: the TLS context, shared with the streams that began under it.
// Called by: service (reads it), session.
// Fails: read_tls() tells in the report what is wrong with a file; an expired certificate is only
// warned of, since most senders do not check it and would come in plaintext else.
#pragma once

#include "conf/base/clock.hpp"
#include "proxy/net/tls_context.hpp"
#include "proxy/smtp/hand_off.hpp"

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::session {

struct TlsSettings {
  bool has_certificates = false;     // are named, good or not
  net::TlsContext::Pointer context;  // null: STARTTLS is not offered
  Milliseconds handshake_timeout{30'000};
  Milliseconds retry_after{3'600'000};  // until STARTTLS is offered again to whom it failed
};

// Keys are readable to root only: who does not speak TLS leaves certificates and keys unread.
enum class TlsFiles : bool { Read, Leave };

TlsSettings read_tls(conf::Reader section, TlsFiles files);
// tls, ca_file and tls_name of [backend]; null: nothing is spoken but plaintext.
net::TlsContext::Pointer read_backend_tls(conf::Reader& section, smtp::BackendTls mode);

}  // namespace smtpguard::session
