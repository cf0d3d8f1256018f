#include "tests/support/dns_server.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "tests/support/dns_message.hpp"

namespace smtpguard::test {
namespace {

int new_socket(int type) {
  const int socket = ::socket(AF_INET, type, 0);
  if (socket < 0) {
    throw std::system_error(errno, std::generic_category(), "socket");
  }
  return socket;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

bool bind_to(int socket, std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  return ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// Only what c-ares sends: one question, no compression.
std::optional<DnsQuery> parse(std::string_view octets, bool is_tcp) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(octets[i]); };
  if (octets.size() < 12) {
    return std::nullopt;
  }
  DnsQuery query;
  query.is_tcp = is_tcp;
  query.id = static_cast<unsigned>(at(0) << 8U) | at(1);
  std::size_t i = 12;
  while (i < octets.size() && at(i) != 0) {
    query.question.name += query.question.name.empty() ? "" : ".";
    query.question.name += octets.substr(i + 1, at(i));
    i += 1U + at(i);
  }
  if (i + 5 > octets.size()) {
    return std::nullopt;
  }
  for (const dns::RecordType type : dns::kRecordTypes) {
    if (type_code(type) == at(i + 2)) {
      query.question.type = type;
    }
  }
  return query;
}

bool read_all(int socket, char* to, std::size_t count) {
  while (count > 0) {
    const ssize_t got = ::recv(socket, to, count, 0);
    if (got <= 0) {
      return false;
    }
    to += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

DnsServer::DnsServer(Handler handler) : handler_(std::move(handler)) {
  // The port that UDP was given may be taken for TCP: then another one.
  for (int tries = 0; !open(); ++tries) {
    close();
    if (tries == 20) {
      throw std::system_error(errno, std::generic_category(), "bind");
    }
  }
  if (::pipe(wake_) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  thread_ = std::thread([this] { run(); });
}

DnsServer::~DnsServer() {
  ::close(wake_[1]);
  thread_.join();
  ::close(wake_[0]);
  close();
}

bool DnsServer::open() {
  udp_ = new_socket(SOCK_DGRAM);
  tcp_ = new_socket(SOCK_STREAM);
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (!bind_to(udp_, 0) ||
      ::getsockname(udp_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return false;
  }
  endpoint_ = {IpAddress::v4({127, 0, 0, 1}), ntohs(address.sin_port)};
  const int room = 1 << 20;  // many questions at once must not be lost
  ::setsockopt(udp_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  return bind_to(tcp_, endpoint_.port) && ::listen(tcp_, 100) == 0;
}

void DnsServer::close() {
  ::close(udp_);
  ::close(tcp_);
}

void DnsServer::run() {
  while (true) {
    std::array<pollfd, 3> sockets{{{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}, {wake_[0], POLLIN, 0}}};
    if (::poll(sockets.data(), sockets.size(), -1) < 0 && errno != EINTR) {
      return;
    }
    if (sockets[2].revents != 0) {
      return;
    }
    if (sockets[0].revents != 0) {
      serve_udp();
    }
    if (sockets[1].revents != 0) {
      serve_tcp();
    }
  }
}

void DnsServer::serve_udp() {
  std::array<char, 4096> buffer{};
  sockaddr_in peer{};
  socklen_t length = sizeof peer;
  auto* const address = reinterpret_cast<sockaddr*>(&peer);
  const ssize_t got = ::recvfrom(udp_, buffer.data(), buffer.size(), 0, address, &length);
  if (got < 0) {
    return;
  }
  const auto query = parse({buffer.data(), static_cast<std::size_t>(got)}, false);
  if (!query) {
    return;
  }
  ++udp_queries_;
  for (const std::string& reply : handler_(*query)) {
    ::sendto(udp_, reply.data(), reply.size(), 0, address, length);
  }
}

void DnsServer::serve_tcp() {
  const int socket = ::accept(tcp_, nullptr, nullptr);
  if (socket < 0) {
    return;
  }
  const timeval patience{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::array<char, 2> length{};
  if (read_all(socket, length.data(), length.size())) {
    std::string buffer(static_cast<std::size_t>(static_cast<unsigned char>(length[0])) * 256 +
                           static_cast<unsigned char>(length[1]),
                       '\0');
    const bool is_whole = read_all(socket, buffer.data(), buffer.size());
    if (const auto query = parse(buffer, true); is_whole && query) {
      ++tcp_queries_;
      for (const std::string& reply : handler_(*query)) {
        const std::string framed = number16(static_cast<unsigned>(reply.size())) + reply;
        ::send(socket, framed.data(), framed.size(), MSG_NOSIGNAL);
      }
    }
  }
  ::close(socket);
}

}  // namespace smtpguard::test
