#include "proxy/net/socket_wait.hpp"

#include <utility>

namespace smtpguard::net {

Awaitable<Wake> SocketWait::readable(Socket& socket, TimePoint deadline) {
  return wait(socket, deadline, Socket::wait_read);
}

Awaitable<Wake> SocketWait::writable(Socket& socket, TimePoint deadline) {
  return wait(socket, deadline, Socket::wait_write);
}

Awaitable<Wake> SocketWait::ready(Socket& socket, TimePoint deadline, bool to_write) {
  return wait(socket, deadline, to_write ? Socket::wait_write : Socket::wait_read);
}

Awaitable<Wake> SocketWait::nudged(Socket& socket, TimePoint deadline) {
  return wait(socket, deadline, Socket::wait_error);
}

Awaitable<Wake> SocketWait::wait(Socket& socket, TimePoint deadline, Socket::wait_type type) {
  if (aborted_) {
    co_return Wake::Abort;
  }
  heeds_nudge_ = type != Socket::wait_write;
  if (heeds_nudge_ && std::exchange(nudged_, false)) {
    co_return Wake::Nudge;
  }
  expired_ = false;
  waiting_ = &socket;
  wheel_.arm(*this, deadline);
  // The outcome is read from state: which of the wakers won does not matter.
  [[maybe_unused]] const auto result = co_await socket.async_wait(type, kUseTuple);
  waiting_ = nullptr;
  disarm();
  if (heeds_nudge_ && std::exchange(nudged_, false) && !aborted_) {
    co_return Wake::Nudge;
  }
  co_return outcome();
}

Wake SocketWait::outcome() {
  if (aborted_) {
    return Wake::Abort;
  }
  return expired_ ? Wake::Deadline : Wake::Ready;
}

void SocketWait::nudge() noexcept {
  nudged_ = true;
  if (heeds_nudge_) {
    cancel();
  }
}

void SocketWait::abort() noexcept {
  aborted_ = true;
  cancel();
}

void SocketWait::on_deadline() noexcept {
  expired_ = true;
  cancel();
}

void SocketWait::cancel() noexcept {
  if (waiting_ != nullptr) {
    ErrorCode ignored;
    waiting_->cancel(ignored);
  }
}

}  // namespace smtpguard::net
