// Privileges — what a worker gives up: root, the view of the file system, every capability.
// Owns: values.   Called by: App (plans, while names can be looked up), WorkerProcess (gives up).
// Fails: an Error; a worker that went on as root would be worse than one that does not start.
// Started by somebody else than root there is no user and no root directory to change to: the
// worker says so and the sandbox has to do.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "conf/base/log.hpp"
#include "conf/base/result.hpp"

namespace smtpguard::service {

struct Account {
  uid_t user{};
  gid_t group{};
  std::string name;

  bool operator==(const Account&) const = default;
};

// One that nobody has planned is refused to root.
struct Privileges {
  std::optional<Account> become;  // nothing: stay who we are ...
  bool may_stay_root = false;     // ... which root may only if this says so
  std::string root_directory;     // empty: no chroot
  Severity severity = Severity::Info;
  std::string text;  // for the log: "running as _smtpguard, ..."
};

// What is to be said where there is no user _smtpguard; empty: there is one.
std::string missing_user();

// Makes the state directory when it is not there. `may_stay_root`: without the user _smtpguard,
// warn instead of failing: in the foreground, for a try. A service manager, which has us in the
// foreground as well, is no try.
Result<Privileges> plan_privileges(bool may_stay_root);
// For good: root directory, groups, user, capabilities, core dumps.
Result<void> give_up_privileges(const Privileges& privileges);
// What is in our memory, keys and messages, must not end in a file or in a program that takes core
// dumps. Undone by exec and by a change of the user.
void forbid_core_dumps();

}  // namespace smtpguard::service
