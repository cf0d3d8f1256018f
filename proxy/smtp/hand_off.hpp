// HandOff, BackendTls — how the client's true address reaches the backend, and under what cover.
// Owns: nothing.   Called by: settings (backend.identity, backend.tls), ClientDialog.
// Fails: never.
#pragma once

#include <cstdint>

namespace smtpguard::smtp {

enum class HandOff : std::uint8_t { ProxyV2, ProxyV1, Xclient, None };

enum class BackendTls : std::uint8_t {
  Off,
  Opportunistic,  // where the backend offers it; whoever it is
  Required,       // or nothing is sent
};

}  // namespace smtpguard::smtp
