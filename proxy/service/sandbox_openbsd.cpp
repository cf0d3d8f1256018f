#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "proxy/service/sandbox.hpp"

namespace smtpguard::service {

// inet: clients, backends, name servers. unix: to accept on the control socket. recvfd: what the
// supervisor sends. rpath, wpath, cpath, flock: the store of the memory, in its folder alone. A
// breach ends the process with SIGABRT, and the kernel's log says "pledge".
Confinement sandbox(const std::string& folder) {
  const char* const promises =
      folder.empty() ? "stdio inet unix recvfd" : "stdio inet unix recvfd rpath wpath cpath flock";
  // Without a first unveil the whole file system would stay visible.
  const bool is_unveiled =
      folder.empty() ? ::unveil("/", "") == 0 : ::unveil(folder.c_str(), "rwc") == 0;
  if (!is_unveiled || ::unveil(nullptr, nullptr) != 0 || ::pledge(promises, nullptr) != 0) {
    return {"", "pledge: " + std::generic_category().message(errno)};
  }
  return {"pledge, unveil", ""};
}

std::vector<std::string> take_refused() {
  return {};
}

}  // namespace smtpguard::service
