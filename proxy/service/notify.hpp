// Notify — tells a service manager that waits for it how we are (sd_notify(3), in our own few
// lines: one datagram to the socket that NOTIFY_SOCKET names).
// Owns: nothing.   Called by: Supervisor.   Fails: never; nobody may listen.
#pragma once

#include <string_view>

namespace smtpguard::service {

// Somebody waits for it.
bool has_service_manager();
// "READY=1", "STOPPING=1", several on lines of their own.
void notify_service_manager(std::string_view state);
// What systemd wants to know before a reload; READY=1 ends it.
void notify_reloading();

}  // namespace smtpguard::service
