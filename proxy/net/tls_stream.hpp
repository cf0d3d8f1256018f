// TlsStream — TLS over a socket that somebody else owns and waits for.
// Owns: one SSL object, made only when a handshake begins: 16 KB while idle.
// Called by: ClientChannel, Backend. The socket outlives it.
// Fails: by Io, as the plain calls do; an end of the stream is final, however it came: nothing is
// read in plaintext from that socket any more (CVE-2026-45185).
// No asio::ssl::stream: it keeps 70 KB a connection.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "conf/base/tls_facts.hpp"
#include "proxy/net/tcp.hpp"
#include "proxy/net/tls_context.hpp"

namespace smtpguard::net {

class TlsStream {
 public:
  enum class Role : bool { Server, Client };

  // Null: OpenSSL has no memory.
  static std::unique_ptr<TlsStream> begin(TlsContext::Pointer context, Socket& socket, Role role);

  // Done: read and write may begin. Closed and Broken are final; error_text() says more.
  Io shake_hands();

  Io read_some(std::span<char> into);
  // Leaves what it read for read_some().
  Io peek_some(std::span<char> into);
  // A write that would block has to be tried again with the same bytes.
  Io write_some(std::string_view bytes);
  // Something was read from the socket and not taken, be it the end: waiting for the socket would
  // be in vain.
  bool has_pending() const;
  // Tells the other side that this is the end, if it can be told now.
  void close();

  TlsFacts facts() const;
  // What ended it was an alert or a breach of the protocol, not the end of the connection.
  bool is_refused() const;
  // "no shared cipher"; of the last Broken.
  const std::string& error_text() const { return error_text_; }

 private:
  struct Free {
    void operator()(ssl_st* ssl) const noexcept;
  };
  TlsStream(TlsContext::Pointer context, std::unique_ptr<ssl_st, Free> ssl)
      : context_(std::move(context)), ssl_(std::move(ssl)) {}

  // What became of a call that returned `result`, not above 0.
  Io outcome(int result, bool was_reading);

  TlsContext::Pointer context_;
  std::unique_ptr<ssl_st, Free> ssl_;
  Io end_{Io::Status::Done, 0, {}, false};  // Closed or Broken: the same again from now on
  std::string error_text_;
};

}  // namespace smtpguard::net
