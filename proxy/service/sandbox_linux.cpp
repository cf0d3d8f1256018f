#include <string_view>

#include "proxy/service/landlock.hpp"
#include "proxy/service/sandbox.hpp"
#include "proxy/service/system_calls.hpp"

namespace smtpguard::service {
namespace {

void append(std::string& list, std::string_view item) {
  list += list.empty() ? "" : ", ";
  list += item;
}

}  // namespace

// Landlock first: the filter lets nobody ask for it.
Confinement sandbox(const std::string& folder) {
  Confinement confinement;
  const auto landlock = restrict_by_landlock(folder);
  if (landlock) {
    append(confinement.by, "Landlock (version " + std::to_string(*landlock) + ')');
  } else {
    append(confinement.missing, landlock.error().text);
  }
  const auto filtered = filter_system_calls(!folder.empty());
  if (filtered) {
    append(confinement.by, "seccomp");
  } else {
    append(confinement.missing, filtered.error().text);
  }
  return confinement;
}

std::vector<std::string> take_refused() {
  return take_refused_calls();
}

}  // namespace smtpguard::service
