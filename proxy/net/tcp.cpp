#include "proxy/net/tcp.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "conf/base/text.hpp"

namespace smtpguard::net {

namespace {

#ifdef MSG_NOSIGNAL
constexpr int kNoSignal = MSG_NOSIGNAL;
#else
constexpr int kNoSignal = 0;  // SIGPIPE is ignored by main as well
#endif

constexpr int kBacklog = 1024;

Io broken(int number) {
  return {Io::Status::Broken, 0, ErrorCode(number, boost::system::system_category()), false};
}

Io receive(Socket& socket, std::span<char> into, int flags) {
  while (true) {
    const ssize_t got = ::recv(socket.native_handle(), into.data(), into.size(), flags);
    if (got > 0) {
      return {Io::Status::Done, static_cast<std::size_t>(got), {}, false};
    }
    if (got == 0) {
      return {Io::Status::Closed, 0, {}, false};
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return {Io::Status::WouldBlock, 0, {}, false};
    }
    if (errno != EINTR) {
      return broken(errno);
    }
  }
}

Error error_of(std::string_view what, const ErrorCode& error) {
  return Error{fmt::format("{}: {}", what, to_lower(error.message()))};
}

}  // namespace

std::string why(const Io& io) {
  return io.status == Io::Status::Closed ? "closed the connection" : to_lower(io.error.message());
}

Io read_some(Socket& socket, std::span<char> into) {
  return receive(socket, into, 0);
}

Io peek_some(Socket& socket, std::span<char> into) {
  return receive(socket, into, MSG_PEEK);
}

Io write_some(Socket& socket, std::string_view bytes) {
  while (true) {
    const ssize_t sent = ::send(socket.native_handle(), bytes.data(), bytes.size(), kNoSignal);
    if (sent >= 0) {
      return {Io::Status::Done, static_cast<std::size_t>(sent), {}, false};
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return {Io::Status::WouldBlock, 0, {}, false};
    }
    if (errno != EINTR) {
      return broken(errno);
    }
  }
}

void drop_urgent_data(Socket& socket) {
  char byte = 0;
  while (::recv(socket.native_handle(), &byte, 1, MSG_OOB | MSG_DONTWAIT) > 0) {
  }
}

bool is_broken(Socket& socket) {
  pollfd state{socket.native_handle(), 0, 0};
  return ::poll(&state, 1, 0) != 0;  // what is not asked for: POLLERR, POLLHUP, POLLNVAL
}

Result<void> begin_connect(Socket& socket, const Endpoint& to) {
  ErrorCode error;
  const auto peer = to_asio(to);
  socket.open(peer.protocol(), error);
  if (!error) {
    socket.native_non_blocking(true, error);
  }
  if (error) {
    return error_of("socket", error);
  }
  ErrorCode ignored;  // a lost option costs time, not mail
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (::connect(socket.native_handle(), peer.data(), static_cast<socklen_t>(peer.size())) != 0 &&
      errno != EINPROGRESS && errno != EINTR) {
    return error_of("connect", ErrorCode(errno, boost::system::system_category()));
  }
  return boost::system::in_place_value;
}

Result<void> connect_outcome(Socket& socket) {
  int number = 0;
  socklen_t size = sizeof number;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &number, &size) != 0) {
    number = errno;
  }
  if (number != 0) {
    return error_of("connect", ErrorCode(number, boost::system::system_category()));
  }
  return boost::system::in_place_value;
}

Result<Descriptor> listen_on(const Endpoint& at) {
  const auto address = to_asio(at);
  Descriptor listening(::socket(address.protocol().family(), SOCK_STREAM, 0));
  const int on = 1;
  const int fd = listening.get();
  bool good = fd >= 0 && ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
              ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
  if (good && at.address.is_v6()) {
    good = ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0;
  }
  good = good && ::bind(fd, address.data(), static_cast<socklen_t>(address.size())) == 0 &&
         ::listen(fd, kBacklog) == 0;
  if (!good) {
    const int number = errno;
    Error error = error_of(fmt::format("listen on {}", at.to_string()),
                           ErrorCode(number, boost::system::system_category()));
    if (number == EADDRINUSE) {
      error.text += " (is the mail server itself still there?)";
    }
    return error;
  }
  return listening;
}

Acceptor make_acceptor(asio::io_context& io, const Endpoint& at, Descriptor listening) {
  Acceptor acceptor(io.get_executor());
  acceptor.assign(to_asio(at).protocol(), listening.release());
  acceptor.non_blocking(true);
  return acceptor;
}

Endpoint to_endpoint(const asio::ip::tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  if (address.is_v4()) {
    return {IpAddress::v4(address.to_v4().to_bytes()), endpoint.port()};
  }
  return {IpAddress::v6(address.to_v6().to_bytes()), endpoint.port()};
}

asio::ip::tcp::endpoint to_asio(const Endpoint& endpoint) {
  const auto& bytes = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    asio::ip::address_v4::bytes_type four{};
    std::copy_n(bytes.begin(), four.size(), four.begin());
    return {asio::ip::address_v4(four), endpoint.port};
  }
  asio::ip::address_v6::bytes_type sixteen{};
  std::copy(bytes.begin(), bytes.end(), sixteen.begin());
  return {asio::ip::address_v6(sixteen), endpoint.port};
}

void close_hard(Socket& socket) {
  ErrorCode ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace smtpguard::net
