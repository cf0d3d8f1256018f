#include "proxy/service/sockets.hpp"

#include <algorithm>
#include <utility>

#include "proxy/net/tcp.hpp"
#include "proxy/net/unix_socket.hpp"

namespace smtpguard::service {

Result<Sockets::Listeners> Sockets::bind_missing(
    const std::vector<session::ListenerSettings>& wanted) const {
  Listeners fresh;
  for (const session::ListenerSettings& listener : wanted) {
    const std::string address = listener.address.to_string();
    if (listeners.contains(address)) {
      continue;
    }
    auto socket = net::listen_on(listener.address);
    if (socket.has_error()) {
      return socket.error();
    }
    fresh.emplace(address, std::move(socket).value());
  }
  return fresh;
}

void Sockets::keep_only(const std::vector<session::ListenerSettings>& wanted) {
  std::erase_if(listeners, [&](const auto& known) {
    return std::none_of(wanted.begin(), wanted.end(), [&](const auto& listener) {
      return listener.address.to_string() == known.first;
    });
  });
}

Result<void> Sockets::match(const std::vector<session::ListenerSettings>& wanted) {
  auto fresh = bind_missing(wanted);
  if (!fresh) {
    return fresh.error();
  }
  listeners.merge(*fresh);
  keep_only(wanted);
  return boost::system::in_place_value;
}

Result<void> Sockets::open_control(const std::string& path, std::optional<gid_t> group) {
  if (control.is_valid() && path == control_path) {
    return boost::system::in_place_value;
  }
  control.close();
  control_path = path;
  if (path.empty()) {
    return boost::system::in_place_value;
  }
  auto socket = net::listen_on_path(path, group);
  if (socket.has_error()) {
    return socket.error();
  }
  control = std::move(socket).value();
  return boost::system::in_place_value;
}

}  // namespace smtpguard::service
