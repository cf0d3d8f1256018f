// App — the daemon's start: reads its settings, binds, goes to the background, becomes supervisor
// or worker. Owns: the logs of the supervisor.   Called by: main. Fails: run() returns the exit
// status; whatever keeps it from starting is told on standard error before it goes to the
// background, so that rcctl and systemd see it.
#pragma once

#include <string>

#include "proxy/service/command_line.hpp"

namespace smtpguard::service {

// 0: ended in order, or the configuration is good (-n). 1: could not start, or it is not good.
// `program`: where an upgrade finds the next one.
int run(const CommandLine& line, const std::string& program);

}  // namespace smtpguard::service
