// Privileges — gives up root for the user _smtpguard once the sockets are bound.
// Owns: nothing.   Called by: App, after binding and before the event loop.
// Fails: an Error; a daemon that goes on as root would be worse than one that does not start.
// A first form: the issue "Supervise" puts a supervisor, chroot and sandbox around the worker.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "conf/base/log.hpp"
#include "conf/base/result.hpp"

namespace smtpguard::service {

struct Privileges {
  Severity severity = Severity::Info;
  std::string text;  // for the log: "running as _smtpguard"; empty: we were not root
};

// `may_stay_root`: without the user _smtpguard, warn instead of failing (in the foreground, for a
// try).
Result<Privileges> drop_privileges(bool may_stay_root);

// The group of that user: who may use the control socket beside root. Nothing: we are not root, or
// there is no such user.
std::optional<gid_t> group_to_change_to();

}  // namespace smtpguard::service
