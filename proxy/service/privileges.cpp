#include "proxy/service/privileges.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace smtpguard::service {

namespace {
constexpr const char* kUser = "_smtpguard";
}

Result<Privileges> drop_privileges(bool may_stay_root) {
  if (::geteuid() != 0) {
    return Privileges{Severity::Info, ""};
  }
  const passwd* user = ::getpwnam(kUser);
  if (user == nullptr) {
    const std::string missing = fmt::format(
        "there is no user {} to change to; create it with useradd --system --shell "
        "/usr/sbin/nologin {}",
        kUser, kUser);
    if (!may_stay_root) {
      return Error{missing};
    }
    return Privileges{Severity::Warning, "running as root: " + missing};
  }
  if (::setgroups(1, &user->pw_gid) != 0 ||
      ::setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
      ::setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0) {
    return Error{fmt::format("change to user {}: {}", kUser, std::strerror(errno))};
  }
  return Privileges{Severity::Info, fmt::format("running as {}", kUser)};
}

std::optional<gid_t> group_to_change_to() {
  const passwd* const user = ::geteuid() == 0 ? ::getpwnam(kUser) : nullptr;
  if (user == nullptr) {
    return std::nullopt;
  }
  return user->pw_gid;
}

}  // namespace smtpguard::service
