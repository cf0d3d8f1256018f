// Background — a daemon leaves its terminal only when it works, so that rcctl and systemd learn
// from the exit status whether it does.
// Owns: the pipe on which the process that was started waits.   Called by: App, Supervisor.
// Fails: enter() with an Error; a daemon that ends before tell_started() makes the waiting process
// exit 1.
#pragma once

#include "conf/base/descriptor.hpp"
#include "conf/base/result.hpp"

namespace smtpguard::service {

// Standard input, output and error of this process are nobody's from now on.
void let_terminal_go();

class Background {
 public:
  Background() = default;
  // Forks. Returns in the daemon alone, with the terminal's standard error still in place; the
  // process that was started waits and exits.
  static Result<Background> enter();

  // We work: the waiting process exits 0, and the terminal is let go. In the foreground: nothing.
  void tell_started();

 private:
  explicit Background(Descriptor told) : told_(std::move(told)) {}

  Descriptor told_;
};

}  // namespace smtpguard::service
