// SocketWait — the one wait of a session: until a socket is ready, a deadline has passed, a nudge,
// the end. Owns: its place in the wheel.   Called by: Session, Backend, the body relay. Fails:
// never; errors of the socket surface at the read or write that follows. One outstanding wait at a
// time (STYLE rule 5e): no timer object, no `||`, no posted buffer.
#pragma once

#include <cstdint>

#include "proxy/net/deadline_wheel.hpp"
#include "proxy/net/types.hpp"

namespace smtpguard::net {

enum class Wake : std::uint8_t { Ready, Deadline, Nudge, Abort };

class SocketWait final : private DeadlineWheel::Entry {
 public:
  explicit SocketWait(DeadlineWheel& wheel) : wheel_(wheel) {}

  Awaitable<Wake> readable(Socket& socket, TimePoint deadline);
  // A nudge does not end a wait for writing: who has begun to write a reply ends it first.
  Awaitable<Wake> writable(Socket& socket, TimePoint deadline);
  // One of the two: TLS may have to write before it can read.
  Awaitable<Wake> ready(Socket& socket, TimePoint deadline, bool to_write);
  // Waits for a nudge alone, whatever the client sends meanwhile; Ready: the connection broke.
  Awaitable<Wake> nudged(Socket& socket, TimePoint deadline);

  // From a shutdown or a DNS answer. Safe before, during and after a wait: the next wait for
  // reading returns at once if none is outstanding.
  void nudge() noexcept;

  // Ends the wait in hand and every later one at once: the session is to go.
  void abort() noexcept;
  bool is_aborted() const { return aborted_; }

 private:
  Awaitable<Wake> wait(Socket& socket, TimePoint deadline, Socket::wait_type type);
  Wake outcome();
  void cancel() noexcept;
  void on_deadline() noexcept override;

  DeadlineWheel& wheel_;
  Socket* waiting_ = nullptr;
  bool heeds_nudge_ = false;
  bool expired_ = false;
  bool nudged_ = false;
  bool aborted_ = false;
};

}  // namespace smtpguard::net
