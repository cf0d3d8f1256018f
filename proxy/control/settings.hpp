// Settings of the control room: where smtpguardctl finds the daemon.
// Owns: values.   Called by: service, smtpguardctl.   Fails: never; the report tells.
#pragma once

#include <string>

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::control {

inline constexpr const char* kDefaultSocket = "/var/run/smtpguard.sock";

// [control]
struct ControlSettings {
  std::string socket = kDefaultSocket;  // empty: none
};

ControlSettings read_control(conf::Reader section);

}  // namespace smtpguard::control
