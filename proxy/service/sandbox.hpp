// Sandbox — takes from a process what a worker never needs: files but its own, programs, other
// processes, new ports. For good. Owns: nothing.   Called by: WorkerProcess, last before it meets
// the network. Fails: never; what this system cannot do stands in `missing`, for the log. A system
// call that the filter refuses fails with EPERM, and take_refused() tells which; to execute a
// program or to trace a process ends the worker. sandbox_linux.cpp: Landlock, seccomp.
// sandbox_openbsd.cpp: pledge, unveil. sandbox_none.cpp: says that there is none. Under a sanitizer
// nothing is taken: it opens files and starts programs itself.
#pragma once

#include <string>
#include <vector>

namespace smtpguard::service {

struct Confinement {
  std::string by;       // "Landlock (version 4), seccomp"; empty: nothing
  std::string missing;  // "seccomp: ..."; empty: all is there
};

// `folder` is the only one whose files stay open to it: where the memory is kept; empty: none.
Confinement sandbox(const std::string& folder);

// Names of the system calls that were refused since the last time that we asked, each once a
// process.
std::vector<std::string> take_refused();

}  // namespace smtpguard::service
