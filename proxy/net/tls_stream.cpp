#include "proxy/net/tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "proxy/net/tls_memory.hpp"

namespace smtpguard::net {

namespace {

int length_of(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

// A stream that ends without close_notify; for SMTP no more than a close, since a message has an
// end of its own.
bool is_unexpected_end(unsigned long error) {
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
  return ERR_GET_LIB(error) == ERR_LIB_SSL &&
         ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
#else
  return error == 0;
#endif
}

}  // namespace

void TlsStream::Free::operator()(ssl_st* ssl) const noexcept {
  SSL_free(ssl);
}

std::unique_ptr<TlsStream> TlsStream::begin(TlsContext::Pointer context, Socket& socket,
                                            Role role) {
  std::unique_ptr<ssl_st, Free> ssl(SSL_new(context->default_.get()));
  if (!ssl || SSL_set_fd(ssl.get(), socket.native_handle()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  const std::string& name = context->peer_name_;
  if (role == Role::Server) {
    SSL_set_accept_state(ssl.get());
  } else {
    SSL_set_connect_state(ssl.get());
  }
  if (role == Role::Client && !name.empty() &&
      (SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                const_cast<char*>(name.c_str())) != 1 ||
       X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl.get()), name.data(), name.size()) != 1)) {
    ERR_clear_error();
    return nullptr;
  }
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(context), std::move(ssl)));
}

Io TlsStream::shake_hands() {
  if (end_.status != Io::Status::Done) {
    return end_;
  }
  const auto held = context_->hold_ticket_key();
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? Io{} : outcome(result, true);
}

Io TlsStream::read_some(std::span<char> into) {
  if (end_.status != Io::Status::Done) {
    return end_;
  }
  ERR_clear_error();
  const int got = SSL_read(ssl_.get(), into.data(), length_of(into.size()));
  return got > 0 ? Io{Io::Status::Done, static_cast<std::size_t>(got), {}, false}
                 : outcome(got, true);
}

Io TlsStream::peek_some(std::span<char> into) {
  if (end_.status != Io::Status::Done) {
    return end_;
  }
  ERR_clear_error();
  const int got = SSL_peek(ssl_.get(), into.data(), length_of(into.size()));
  return got > 0 ? Io{Io::Status::Done, static_cast<std::size_t>(got), {}, false}
                 : outcome(got, true);
}

Io TlsStream::write_some(std::string_view bytes) {
  if (end_.status == Io::Status::Broken || bytes.empty()) {
    return end_.status == Io::Status::Broken ? end_ : Io{};
  }
  ERR_clear_error();
  const int sent = SSL_write(ssl_.get(), bytes.data(), length_of(bytes.size()));
  return sent > 0 ? Io{Io::Status::Done, static_cast<std::size_t>(sent), {}, false}
                  : outcome(sent, false);
}

Io TlsStream::outcome(int result, bool was_reading) {
  const int number = errno;
  const unsigned long error = ERR_peek_error();
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Io::Status::WouldBlock, 0, {}, !was_reading};
    case SSL_ERROR_WANT_WRITE:
      return {Io::Status::WouldBlock, 0, {}, was_reading};
    case SSL_ERROR_ZERO_RETURN:
      end_.status = Io::Status::Closed;
      return end_;
    case SSL_ERROR_SYSCALL:
      if (error == 0 && number != 0) {
        end_ = {Io::Status::Broken, 0, ErrorCode(number, boost::system::system_category()), false};
        error_text_ = why(end_);
        return end_;
      }
      end_.status = Io::Status::Closed;
      return end_;
    default:
      break;
  }
  if (is_unexpected_end(error)) {
    ERR_clear_error();
    end_.status = Io::Status::Closed;
    return end_;
  }
  const long verdict = SSL_get_verify_result(ssl_.get());
  error_text_ = take_error();
  if (verdict != X509_V_OK && !SSL_is_init_finished(ssl_.get())) {
    error_text_ += std::string(": ") + X509_verify_cert_error_string(verdict);
  }
  end_ = {Io::Status::Broken, 0, ErrorCode(EPROTO, boost::system::system_category()), false};
  return end_;
}

bool TlsStream::is_refused() const {
  return end_.status == Io::Status::Broken &&
         end_.error == ErrorCode(EPROTO, boost::system::system_category());
}

bool TlsStream::has_pending() const {
  return end_.status != Io::Status::Done || SSL_pending(ssl_.get()) > 0;
}

void TlsStream::close() {
  if (end_.status != Io::Status::Broken && SSL_is_init_finished(ssl_.get()) != 0) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
}

TlsFacts TlsStream::facts() const {
  TlsFacts facts;
  facts.protocol = SSL_get_version(ssl_.get());
  facts.cipher = SSL_get_cipher_name(ssl_.get());
  const char* const name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  facts.server_name = name == nullptr ? "" : name;
  facts.is_resumed = SSL_session_reused(ssl_.get()) != 0;
  return facts;
}

}  // namespace smtpguard::net
