// The part of ClientDialog that goes over to TLS (RFC 3207).
#include <fmt/format.h>

#include <cassert>

#include "proxy/smtp/client_dialog.hpp"

namespace smtpguard::smtp {

bool ClientDialog::goes_on_with_tls() {
  const bool is_settled = identity_.tls == BackendTls::Off || is_tls_ || is_tls_refused_;
  if (is_settled || (step_ != Step::Ehlo && step_ != Step::Helo)) {
    return false;
  }
  if (capabilities_.start_tls) {
    step_ = Step::StartTls;
    write_ = "STARTTLS\r\n";
    return true;
  }
  if (identity_.tls == BackendTls::Required) {
    fail("does not offer STARTTLS, but backend.tls is required");
    return true;
  }
  is_tls_refused_ = true;
  if (step_ == Step::Ehlo && first_hello() == Step::Helo) {
    say_hello(Step::Helo);  // EHLO was said to hear of STARTTLS only
    return true;
  }
  return false;
}

void ClientDialog::on_start_tls(const Reply& reply) {
  if (reply.code == 220) {
    step_ = Step::Handshake;
    return;
  }
  if (identity_.tls == BackendTls::Required) {
    return fail(fmt::format("answered STARTTLS with {}", reply.summary()));
  }
  is_tls_refused_ = true;
  say_hello(first_hello());
}

// RFC 3207 4.2: what the backend said in plaintext does not count any more.
void ClientDialog::on_tls_established() {
  assert(step_ == Step::Handshake);
  is_tls_ = true;
  capabilities_ = {};
  reader_ = {};
  say_hello(first_hello());
}

void ClientDialog::on_handshake_failed(std::string_view why) {
  has_failed_handshake_ = true;
  fail(fmt::format("TLS handshake: {}", why));
}

}  // namespace smtpguard::smtp
