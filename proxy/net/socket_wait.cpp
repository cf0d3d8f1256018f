#include "proxy/net/socket_wait.hpp"

#include <utility>

namespace smtpguard::net {

Awaitable<Wake> SocketWait::readable(Socket& socket, TimePoint deadline) {
  if (aborted_) {
    co_return Wake::Abort;
  }
  if (std::exchange(nudged_, false)) {
    co_return Wake::Nudge;
  }
  expired_ = false;
  is_for_reading_ = true;
  waiting_ = &socket;
  wheel_.arm(*this, deadline);
  // The outcome is read from state: which of the wakers won does not matter.
  [[maybe_unused]] const auto result = co_await socket.async_wait(Socket::wait_read, kUseTuple);
  waiting_ = nullptr;
  disarm();
  if (std::exchange(nudged_, false) && !aborted_) {
    co_return Wake::Nudge;
  }
  co_return outcome();
}

Awaitable<Wake> SocketWait::writable(Socket& socket, TimePoint deadline) {
  if (aborted_) {
    co_return Wake::Abort;
  }
  expired_ = false;
  is_for_reading_ = false;
  waiting_ = &socket;
  wheel_.arm(*this, deadline);
  [[maybe_unused]] const auto result = co_await socket.async_wait(Socket::wait_write, kUseTuple);
  waiting_ = nullptr;
  disarm();
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
  if (is_for_reading_) {
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
