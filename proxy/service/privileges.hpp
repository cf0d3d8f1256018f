// Privileges — gives up root for the user _smtpguard once the sockets are bound.
// Owns: nothing.   Called by: App, after binding and before the event loop.
// Fails: an Error; going on as root would be worse than not starting.
// A first form: the issue "Supervise" puts a supervisor, chroot and sandbox around the worker.
#pragma once

#include <string>

#include "conf/base/result.hpp"

namespace smtpguard::service {

// What was done, for the log: "running as _smtpguard". Not root: nothing, and nothing to say.
Result<std::string> drop_privileges();

}  // namespace smtpguard::service
