#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "proxy/service/sandbox.hpp"

namespace smtpguard::service {

// inet: clients, backends, name servers. unix: to accept on the control socket. recvfd: what the
// supervisor sends. A breach ends the process with SIGABRT, and the kernel's log says "pledge".
Confinement sandbox() {
  // Nothing is unveiled: the worker opens nothing.
  if (::unveil(nullptr, nullptr) != 0 || ::pledge("stdio inet unix recvfd", nullptr) != 0) {
    return {"", "pledge: " + std::generic_category().message(errno)};
  }
  return {"pledge, unveil", ""};
}

std::vector<std::string> take_refused() {
  return {};
}

}  // namespace smtpguard::service
