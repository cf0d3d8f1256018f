// LogCare — looks after the logs once a second: what waits in a sink goes out, what was lost is
// told. Owns: its place in the wheel.   Called by: whoever runs the event loop.
// Fails: never.
#pragma once

#include <chrono>

#include "conf/base/log.hpp"
#include "proxy/net/deadline_wheel.hpp"

namespace smtpguard::service {

class LogCare final : private net::DeadlineWheel::Entry {
 public:
  // All outlive this.
  LogCare(net::DeadlineWheel& wheel, Log& text, Log& json)
      : wheel_(wheel), text_(text), json_(json) {
    arm();
  }

 private:
  void arm() { wheel_.arm(*this, SteadyClock::now() + std::chrono::seconds(1)); }
  void on_deadline() noexcept override {
    arm();
    text_.tend(SteadyClock::now());
    json_.tend(SteadyClock::now());
  }

  net::DeadlineWheel& wheel_;
  Log& text_;
  Log& json_;
};

}  // namespace smtpguard::service
