// TryoutSocket — blocking sockets on loopback for the try-out: listen, connect, lines with a time
// limit. Owns: one descriptor each.   Called by: the try-out's backend and clients. Fails: a
// descriptor that is not valid, or a Got that says how the wait ended. Every wait also ends when
// Stop is triggered, so Ctrl-C never has to wait for a peer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "conf/base/descriptor.hpp"

namespace smtpguard::tryout {

using std::chrono::milliseconds;

// A pipe whose read end becomes readable once, for everybody who waits.
class Stop {
 public:
  Stop();
  void trigger();
  bool is_triggered() const;
  int fd() const { return read_.get(); }
  // Sleeps; true when stopped.
  bool wait(milliseconds time) const;

 private:
  Descriptor read_;
  Descriptor write_;
};

// Port 0: one that is free. Not valid when the port is taken.
Descriptor listen_on_loopback(std::uint16_t port);
// Waits for a connection; not valid when stopped.
Descriptor accept_one(const Descriptor& listener, const Stop& stop);
Descriptor connect_to_loopback(std::uint16_t port);
std::uint16_t own_port(const Descriptor& socket);

// A conversation: bytes and lines over one socket.
class Wire {
 public:
  enum class Got : std::uint8_t { Line, Timeout, Closed, Stopped };

  Wire(Descriptor socket, const Stop& stop) : socket_(std::move(socket)), stop_(stop) {}

  bool write(std::string_view bytes);
  // One line, without its line end.
  Got read_line(std::string& line, milliseconds limit);
  // Appends exactly `count` bytes to `bytes`; Line when they came.
  Got read_bytes(std::string& bytes, std::size_t count, milliseconds limit);
  std::uint16_t port() const { return own_port(socket_); }

 private:
  // Line: `buffer_` has grown.
  Got fill(std::chrono::steady_clock::time_point deadline);

  Descriptor socket_;
  const Stop& stop_;
  std::string buffer_;
};

}  // namespace smtpguard::tryout
