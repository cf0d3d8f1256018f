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

std::string find_program(const std::string& typed) {
  if (typed.find('/') != std::string::npos) {
    return absolute_path(typed);
  }
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? std::string_view() : std::string_view(path);
  while (!rest.empty()) {
    const auto end = rest.find(':');
    const std::string candidate = std::string(rest.substr(0, end)) + '/' + typed;
    if (::access(candidate.c_str(), X_OK) == 0) {
      return absolute_path(candidate);
    }
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return typed;
}

}  // namespace smtpguard::service
