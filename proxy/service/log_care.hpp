// LogCare — looks after a worker's logs. The lines of one turn of the loop are written together.
// Once a second what waits in a sink goes out, what was lost is told, a syslog that is gone is
// asked for, and what the sandbox refused is told. Owns: its place in the wheel.   Called by:
// WorkerProcess.   Fails: never.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <utility>

#include "proxy/net/deadline_wheel.hpp"
#include "proxy/net/types.hpp"
#include "proxy/service/logs.hpp"
#include "proxy/service/sandbox.hpp"

namespace smtpguard::service {

class LogCare final : private net::DeadlineWheel::Entry {
 public:
  // All outlive this. `want_syslog` asks for a new socket.
  LogCare(net::asio::io_context& io, net::DeadlineWheel& wheel, Logs& logs,
          std::function<void()> want_syslog)
      : wheel_(wheel), logs_(logs), want_syslog_(std::move(want_syslog)) {
    logs_.gather([&io, &logs] { net::asio::post(io, [&logs] { logs.flush(); }); });
    arm();
  }
  LogCare(const LogCare&) = delete;
  LogCare& operator=(const LogCare&) = delete;
  ~LogCare() { logs_.gather(nullptr); }

  // What was refused since the last second, at the end for instance.
  void tell_of_refused_calls() {
    for (const std::string& call : take_refused()) {
      logs_.daemon.warning("sandbox: the system call " + call + " was refused");
    }
  }

 private:
  void arm() { wheel_.arm(*this, SteadyClock::now() + std::chrono::seconds(1)); }
  void on_deadline() noexcept override {
    arm();
    try {
      logs_.tend();
      tell_of_refused_calls();
      if (logs_.lacks_syslog()) {
        want_syslog_();
      }
    } catch (const std::exception&) {
      // Out of memory; the next second may have some.
    }
  }

  net::DeadlineWheel& wheel_;
  Logs& logs_;
  std::function<void()> want_syslog_;
};

}  // namespace smtpguard::service
