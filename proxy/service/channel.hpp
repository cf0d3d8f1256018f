// Channel — one end of the socket pair between supervisor and worker: messages with descriptors.
// Owns: the socket.   Called by: Supervisor, WorkerProcess.
// Fails: send() with an Error when the other side is gone, or takes nothing for a second;
// receive() says that it is gone, or what was wrong with what came. Never blocks otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "conf/base/descriptor.hpp"
#include "conf/base/result.hpp"
#include "proxy/service/message.hpp"

namespace smtpguard::service {

class Channel {
 public:
  struct Received {
    enum class State : std::uint8_t {
      Message,
      Nothing,  // now
      Bad,      // `trouble` says why; the next one may be good
      Closed,
    };
    State state = State::Nothing;
    Message message;
    Descriptor descriptor;  // none, unless one came with it
    std::string trouble;
  };

  Channel() = default;
  explicit Channel(Descriptor socket) : socket_(std::move(socket)) {}
  // Both close on exec and do not block.
  static Result<std::pair<Channel, Channel>> make_pair();

  // `descriptor` is duplicated by the kernel; -1: none.
  Result<void> send(const Message& message, int descriptor = -1);
  Received receive();
  int descriptor() const { return socket_.get(); }
  bool is_open() const { return socket_.is_valid(); }
  void close() { socket_.close(); }

 private:
  Descriptor socket_;
};

}  // namespace smtpguard::service
