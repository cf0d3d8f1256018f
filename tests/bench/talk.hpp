// Talk — one connection of the benchmarks' own client or sink: lines in, bytes out, one deadline.
// Owns: the socket and what was read ahead of the current line.   Called by: load, sink.
// Fails: by false or nullopt, when the other side is gone or the deadline has passed.
// Speaks no SMTP and is not meant to be correct about it: peers are measured, not tested.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "conf/base/ip_address.hpp"
#include "proxy/net/socket_wait.hpp"

namespace smtpguard::bench {

// One event loop: all that connections share.
struct Loop {
  net::asio::io_context io{1};
  net::DeadlineWheel wheel{io};
};

class Talk {
 public:
  explicit Talk(Loop& loop) : socket_(loop.io), wait_(loop.wheel) {}
  Talk(Loop& loop, net::Socket socket) : socket_(std::move(socket)), wait_(loop.wheel) {}

  // From this address of our own (empty port: any).
  net::Awaitable<bool> connect(const IpAddress& from, const Endpoint& to);
  // The next line without its end.
  net::Awaitable<std::optional<std::string>> line();
  // The code of the next reply, its last line read; 0: the other side is gone.
  net::Awaitable<int> reply();
  net::Awaitable<bool> send(std::string_view bytes);
  // Reads on until there is more in input(). False at the end of the stream.
  net::Awaitable<bool> more();

  std::string& input() { return input_; }
  net::Socket& socket() { return socket_; }
  void set_deadline(Milliseconds from_now) { deadline_ = SteadyClock::now() + from_now; }
  bool is_late() const { return SteadyClock::now() >= deadline_; }

 private:
  net::Socket socket_;
  net::SocketWait wait_;
  TimePoint deadline_ = TimePoint::max();
  std::string input_;
};

}  // namespace smtpguard::bench
