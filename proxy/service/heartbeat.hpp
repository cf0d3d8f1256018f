// Heartbeat — a worker's sign of life: its event loop turns.
// Owns: its place in the wheel.   Called by: WorkerProcess.
// Fails: never; a supervisor that does not read misses some, and no session waits for it.
#pragma once

#include <poll.h>

#include <chrono>
#include <exception>

#include "proxy/net/deadline_wheel.hpp"
#include "proxy/service/channel.hpp"

namespace smtpguard::service {

inline constexpr std::chrono::seconds kHeartbeat{5};

class Heartbeat final : private net::DeadlineWheel::Entry {
 public:
  // Both outlive this.
  Heartbeat(net::DeadlineWheel& wheel, Channel& channel) : wheel_(wheel), channel_(channel) {
    on_deadline();
  }

 private:
  void on_deadline() noexcept override {
    wheel_.arm(*this, SteadyClock::now() + kHeartbeat);
    pollfd wanted{channel_.descriptor(), POLLOUT, 0};
    if (::poll(&wanted, 1, 0) != 1 || (wanted.revents & POLLOUT) == 0) {
      return;
    }
    try {
      [[maybe_unused]] const auto sent = channel_.send({MessageKind::Alive, false, 0, {}});
    } catch (const std::exception&) {
      // Out of memory; the next one may have some.
    }
  }

  net::DeadlineWheel& wheel_;
  Channel& channel_;
};

}  // namespace smtpguard::service
