// ControlClient — asks the running daemon one thing over its control socket.
// Owns: nothing between calls.   Called by: the online commands of smtpguardctl.
// Fails: an Error that says what, where and what to do about it.
#pragma once

#include <string>

#include "conf/base/result.hpp"
#include "proxy/control/protocol.hpp"

namespace smtpguard::tools {

// Where the daemon of this configuration listens. Other errors in the file do not matter here:
// a daemon that runs can be asked while its file is being edited. `may_be_absent`: then the
// default place.
Result<std::string> find_control_socket(const std::string& configuration, bool may_be_absent);

// Waits for the answer for at most a minute.
Result<control::Answer> ask(const std::string& socket, const control::Request& request);

}  // namespace smtpguard::tools
