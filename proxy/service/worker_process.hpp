// WorkerProcess — the unprivileged half of the daemon: carries the mail, opens nothing.
// Owns: logs, event loop, sessions, the channel to the supervisor.   Called by: App, in the process
// that Supervisor forked. Fails: run_worker() returns the exit status; what keeps it from starting
// is told to the supervisor. When the supervisor is gone it lets its sessions end and ends.
// Order: settings, resolver channels, then chroot and user, then the sandbox: what comes before
// each needs what it takes away.
#pragma once

#include <cstdint>
#include <string>

#include "conf/base/clock.hpp"
#include "conf/base/descriptor.hpp"
#include "proxy/service/channel.hpp"
#include "proxy/service/command_line.hpp"
#include "proxy/service/privileges.hpp"

namespace smtpguard::service {

// What a worker gets by fork; all else comes by the channel.
struct WorkerSeed {
  Channel channel;
  Descriptor ledger;
  CommandLine line;
  Privileges privileges;
  std::uint64_t supervisor = 0;  // pid
  std::string started;           // the daemon, UTC
  TimePoint began;               // the same
  std::uint64_t crashes = 0;     // of workers before this one
};

int run_worker(WorkerSeed seed);

}  // namespace smtpguard::service
