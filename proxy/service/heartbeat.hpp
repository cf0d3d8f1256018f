// Heartbeat — a worker's sign of life: its event loops turn.
// Owns: its place in the wheel.   Called by: WorkerProcess.
// Fails: never; a supervisor that does not read misses some, and no session waits for it.
#pragma once

#include <poll.h>

#include <chrono>
#include <exception>
#include <functional>
#include <utility>

#include "proxy/net/deadline_wheel.hpp"
#include "proxy/service/channel.hpp"

namespace smtpguard::service {

inline constexpr std::chrono::seconds kHeartbeat{5};

class Heartbeat final : private net::DeadlineWheel::Entry {
 public:
  // All outlive this. `turns`: whether the other loops do; that of `wheel` shows it by this.
  Heartbeat(net::DeadlineWheel& wheel, Channel& channel, std::function<bool()> turns)
      : wheel_(wheel), channel_(channel), turns_(std::move(turns)) {
    on_deadline();
  }

 private:
  void on_deadline() noexcept override {
    wheel_.arm(*this, SteadyClock::now() + kHeartbeat);
    if (!turns_()) {
      return;
    }
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
  std::function<bool()> turns_;
};

}  // namespace smtpguard::service
