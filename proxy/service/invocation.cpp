#include "proxy/service/invocation.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace smtpguard::service {

std::string absolute_path(const std::string& path) {
  std::error_code trouble;
  const auto whole = std::filesystem::absolute(path, trouble);
  return trouble ? path : whole.lexically_normal().string();
}

Invocation remember_invocation(int argc, char* argv[]) {
  Invocation invocation;
  invocation.arguments.assign(argv, argv + argc);
  const std::string typed = argc > 0 ? argv[0] : "smtpguard";
  invocation.program = typed;
  if (typed.find('/') != std::string::npos) {
    invocation.program = absolute_path(typed);
    return invocation;
  }
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? std::string_view() : std::string_view(path);
  while (!rest.empty()) {
    const auto end = rest.find(':');
    const std::string candidate = std::string(rest.substr(0, end)) + '/' + typed;
    if (::access(candidate.c_str(), X_OK) == 0) {
      invocation.program = absolute_path(candidate);
      break;
    }
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return invocation;
}

}  // namespace smtpguard::service
