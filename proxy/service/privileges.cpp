#include "proxy/service/privileges.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include <array>
#include <cerrno>
#include <system_error>

#include "proxy/service/notify.hpp"

namespace smtpguard::service {
namespace {

constexpr const char* kUser = "_smtpguard";
constexpr const char* kStateDirectory = SMTPGUARD_STATE_DIRECTORY;

Error trouble(const std::string& what) {
  return Error{what + ": " + std::generic_category().message(errno)};
}

// The worker's root: nobody else's business, and never a link to somewhere.
Result<void> make_state_directory(const Account& owner) {
  const std::string subject = std::string("state directory ") + kStateDirectory;
  if (::mkdir(kStateDirectory, 0700) != 0 && errno != EEXIST) {
    return trouble(subject + ": mkdir");
  }
  struct stat state {};
  if (::lstat(kStateDirectory, &state) != 0) {
    return trouble(subject);
  }
  if (!S_ISDIR(state.st_mode)) {
    return Error{subject + ": is no directory"};
  }
  // Made by us, or for us by a service manager.
  if (state.st_uid == 0 && ::lchown(kStateDirectory, owner.user, owner.group) != 0) {
    return trouble(subject + ": chown");
  }
  return boost::system::in_place_value;
}

#ifdef __linux__

// Those that an exec would give as well; needs root, so before the user is changed.
void drop_bounding_set() {
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
       ++capability) {
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

Result<void> drop_capabilities() {
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) {
    return trouble("give up capabilities");
  }
  return boost::system::in_place_value;
}

#else

void drop_bounding_set() {}

Result<void> drop_capabilities() {
  return boost::system::in_place_value;
}

#endif

}  // namespace

std::string missing_user() {
  if (::getpwnam(kUser) != nullptr) {
    return {};
  }
  return fmt::format(
      "there is no user {} to change to; create it with useradd --system --shell "
      "/usr/sbin/nologin {}",
      kUser, kUser);
}

Result<Privileges> plan_privileges(bool may_stay_root) {
  Privileges plan;
  if (::geteuid() != 0) {
    plan.text =
        "not started as root: the worker keeps our user and has no root directory of its "
        "own";
    return plan;
  }
  const passwd* user = ::getpwnam(kUser);
  if (user == nullptr) {
    const std::string missing = missing_user();
    if (!may_stay_root || has_service_manager()) {
      return Error{missing};
    }
    plan.may_stay_root = true;
    plan.severity = Severity::Warning;
    plan.text = "running as root: " + missing;
    return plan;
  }
  plan.become = Account{user->pw_uid, user->pw_gid, kUser};
  const auto made = make_state_directory(*plan.become);
  if (!made) {
    return made.error();
  }
  plan.root_directory = kStateDirectory;
  plan.text = fmt::format("running as {}, root directory {}", kUser, kStateDirectory);
  return plan;
}

Result<void> give_up_privileges(const Privileges& privileges) {
  const bool is_root = (privileges.become ? privileges.become->user : ::geteuid()) == 0;
  if (is_root && !privileges.may_stay_root) {
    return Error{"the worker would be root, which nobody has planned"};
  }
  if (!privileges.root_directory.empty() &&
      (::chroot(privileges.root_directory.c_str()) != 0 || ::chdir("/") != 0)) {
    return trouble("root directory " + privileges.root_directory);
  }
  drop_bounding_set();
  if (privileges.become) {
    const auto& [user, group, name] = *privileges.become;
    if (::setgroups(1, &group) != 0 || ::setresgid(group, group, group) != 0 ||
        ::setresuid(user, user, user) != 0) {
      return trouble("change to user " + name);
    }
  }
  forbid_core_dumps();
  return drop_capabilities();
}

void forbid_core_dumps() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // a core_pattern with a pipe does not ask for the limit
#endif
}

}  // namespace smtpguard::service
