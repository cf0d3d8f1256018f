#include "proxy/control/settings.hpp"

#include <sys/un.h>

#include <string>

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
  if (section.lacks_folder_of(settings.socket)) {
    const std::string folder = settings.socket.substr(0, settings.socket.rfind('/'));
    section.error("socket", "the folder " + escape(folder) + " does not exist; create it");
  }
  return settings;
}

}  // namespace smtpguard::control
