// Tcp — the few socket calls that sessions make themselves, without waiting and without exceptions.
// Owns: nothing.   Called by: listener, lobby, session, backend.
// Fails: by Io::status; why() tells it in words for the log.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "conf/base/descriptor.hpp"
#include "conf/base/ip_address.hpp"
#include "conf/base/result.hpp"
#include "proxy/net/types.hpp"

namespace smtpguard::net {

struct Io {
  enum class Status : std::uint8_t {
    Done,        // `count` octets were moved
    WouldBlock,  // wait first
    Closed,      // the other side ended the stream in order (reading only)
    Broken,      // reset and the like; `error` says which
  };
  Status status = Status::Done;
  std::size_t count = 0;
  ErrorCode error;
  // WouldBlock: of the other direction, since TLS may have to write before it can read.
  bool waits_for_other = false;
};

// What ended the stream, short: "closed the connection", "connection reset by peer".
std::string why(const Io& io);

Io read_some(Socket& socket, std::span<char> into);
// Leaves what it read in the socket.
Io peek_some(Socket& socket, std::span<char> into);
Io write_some(Socket& socket, std::string_view bytes);
// What came with the urgent flag: SMTP has no use for it.
void drop_urgent_data(Socket& socket);
// Reset, or closed in both directions; a close of the client's side alone is not.
bool is_broken(Socket& socket);

// A non-blocking socket without Nagle's delay, on the way to `to`: wait until it is writable, then
// connect_outcome(). Errors that come at once: "connect: network is unreachable".
Result<void> begin_connect(Socket& socket, const Endpoint& to);
Result<void> connect_outcome(Socket& socket);

using smtpguard::Descriptor;

// Listening, SO_REUSEADDR, IPv6 only for IPv6. Needs no event loop, since a daemon binds before it
// forks and makes its loop after (kqueue does not survive fork). "listen on 0.0.0.0:25: permission
// denied".
Result<Descriptor> listen_on(const Endpoint& at);
Acceptor make_acceptor(asio::io_context& io, const Endpoint& at, Descriptor listening);

Endpoint to_endpoint(const asio::ip::tcp::endpoint& endpoint);
asio::ip::tcp::endpoint to_asio(const Endpoint& endpoint);

// Makes the close a reset, so that nothing lingers; for clients that do not read.
void close_hard(Socket& socket);

}  // namespace smtpguard::net
