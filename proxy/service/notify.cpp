#include "proxy/service/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "conf/base/clock.hpp"
#include "conf/base/descriptor.hpp"

namespace smtpguard::service {

void notify_service_manager(std::string_view state) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || *path == '\0' || std::strlen(path) >= sizeof address.sun_path) {
    return;
  }
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  std::memcpy(address.sun_path, path, length);
  if (*path == '@') {
    address.sun_path[0] = '\0';  // an abstract name
  }
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM, 0));
  if (socket.is_valid()) {
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    [[maybe_unused]] const ssize_t sent =
        ::sendto(socket.get(), state.data(), state.size(), 0,
                 reinterpret_cast<const sockaddr*>(&address), size);
  }
}

bool has_service_manager() {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  return path != nullptr && *path != '\0';
}

void notify_reloading() {
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now().time_since_epoch());
  notify_service_manager("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
}

}  // namespace smtpguard::service
