// HandOff — how the client's true address reaches the backend.
// Owns: nothing.   Called by: settings (backend.identity), ClientDialog.   Fails: never.
#pragma once

#include <cstdint>

namespace smtpguard::smtp {

enum class HandOff : std::uint8_t { ProxyV2, ProxyV1, Xclient, None };

}  // namespace smtpguard::smtp
