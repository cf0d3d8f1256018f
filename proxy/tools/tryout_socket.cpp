#include "proxy/tools/tryout_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace smtpguard::tryout {

namespace {

using Clock = std::chrono::steady_clock;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

const sockaddr* as_sockaddr(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Descriptor new_socket() {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
  if (socket.is_valid()) {
    // The daemon that is started later shall not inherit it.
    ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
  }
  return socket;
}

// Replies and commands are small and must not wait for one another.
void send_at_once(const Descriptor& socket) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

enum class Wait : std::uint8_t { Ready, Timeout, Stopped };

Wait wait_readable(int fd, const Stop& stop, Clock::time_point deadline) {
  std::array<pollfd, 2> fds{pollfd{stop.fd(), POLLIN, 0}, pollfd{fd, POLLIN, 0}};
  for (;;) {
    const int ready = ::poll(fds.data(), fds.size(), milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (fds[0].revents != 0) {
      return Wait::Stopped;
    }
    if (ready > 0) {
      return Wait::Ready;
    }
    if (Clock::now() >= deadline) {
      return Wait::Timeout;
    }
  }
}

}  // namespace

Stop::Stop() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) {
    throw std::runtime_error("pipe: no descriptors left");
  }
  read_ = Descriptor(ends[0]);
  write_ = Descriptor(ends[1]);
  ::fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  ::fcntl(ends[1], F_SETFD, FD_CLOEXEC);
}

void Stop::trigger() {
  // Never read, so it stays readable; a full pipe is as good.
  [[maybe_unused]] const ssize_t written = ::write(write_.get(), "x", 1);
}

bool Stop::is_triggered() const {
  return wait(milliseconds(0));
}

bool Stop::wait(milliseconds time) const {
  return wait_readable(-1, *this, Clock::now() + time) == Wait::Stopped;
}

Descriptor listen_on_loopback(std::uint16_t port) {
  Descriptor socket = new_socket();
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (!socket.is_valid() || ::bind(socket.get(), as_sockaddr(address), sizeof address) != 0 ||
      ::listen(socket.get(), 64) != 0) {
    socket.close();
  }
  return socket;
}

Descriptor accept_one(const Descriptor& listener, const Stop& stop) {
  for (;;) {
    const Wait wait = wait_readable(listener.get(), stop, Clock::now() + milliseconds(1000));
    if (wait == Wait::Stopped) {
      return {};
    }
    if (wait == Wait::Timeout) {
      continue;
    }
    Descriptor socket(::accept(listener.get(), nullptr, nullptr));
    if (socket.is_valid()) {
      ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
      send_at_once(socket);
      return socket;
    }
  }
}

Descriptor connect_to_loopback(std::uint16_t port) {
  Descriptor socket = new_socket();
  const sockaddr_in address = loopback(port);
  if (!socket.is_valid() || ::connect(socket.get(), as_sockaddr(address), sizeof address) != 0) {
    socket.close();
    return socket;
  }
  send_at_once(socket);
  return socket;
}

std::uint16_t own_port(const Descriptor& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

bool Wire::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) {
        continue;
      }
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

Wire::Got Wire::fill(Clock::time_point deadline) {
  switch (wait_readable(socket_.get(), stop_, deadline)) {
    case Wait::Stopped:
      return Got::Stopped;
    case Wait::Timeout:
      return Got::Timeout;
    case Wait::Ready:
      break;
  }
  std::array<char, 4096> bytes{};
  const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (count <= 0) {
    return Got::Closed;
  }
  buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  return Got::Line;
}

Wire::Got Wire::read_line(std::string& line, milliseconds limit) {
  const Clock::time_point deadline = Clock::now() + limit;
  for (;;) {
    const std::size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (line.ends_with('\r')) {
        line.pop_back();
      }
      return Got::Line;
    }
    const Got got = fill(deadline);
    if (got != Got::Line) {
      return got;
    }
  }
}

Wire::Got Wire::read_bytes(std::string& bytes, std::size_t count, milliseconds limit) {
  const Clock::time_point deadline = Clock::now() + limit;
  while (buffer_.size() < count) {
    const Got got = fill(deadline);
    if (got != Got::Line) {
      return got;
    }
  }
  bytes += buffer_.substr(0, count);
  buffer_.erase(0, count);
  return Got::Line;
}

}  // namespace smtpguard::tryout
