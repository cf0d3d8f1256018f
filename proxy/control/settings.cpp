#include "proxy/control/settings.hpp"

#include <sys/un.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "conf/base/escape.hpp"
#include "conf/reader.hpp"

namespace smtpguard::control {

ControlSettings read_control(conf::Reader section) {
  ControlSettings settings;
  if (!section.file_path("socket", settings.socket) || settings.socket.empty()) {
    return settings;
  }
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (settings.socket.size() > kLongest) {
    section.error("socket", std::to_string(settings.socket.size()) +
                                " characters; the path of a socket has at most " +
                                std::to_string(kLongest));
    return settings;
  }
  const auto folder = std::filesystem::path(settings.socket).parent_path();
  std::error_code trouble;
  if (!folder.empty() &&
      std::filesystem::status(folder, trouble).type() == std::filesystem::file_type::not_found) {
    section.error("socket", "the folder " + escape(folder.string()) + " does not exist; create it");
  }
  return settings;
}

}  // namespace smtpguard::control
