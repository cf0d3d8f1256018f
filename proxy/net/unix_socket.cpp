#include "proxy/net/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "conf/base/escape.hpp"

namespace smtpguard::net {
namespace {

constexpr int kBacklog = 8;

Error trouble(const std::string& path, const std::string& what) {
  return Error{"control socket " + escape(path) + ": " + what};
}

Error trouble(const std::string& path, const char* call, int error) {
  return trouble(path, std::string(call) + ": " + std::generic_category().message(error));
}

Descriptor new_socket() {
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (socket.is_valid()) {
    ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
    ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  }
  return socket;
}

// Makes way for a new socket. Whether somebody answers is known by asking: a daemon that was killed
// leaves its socket behind.
Result<void> clear(const std::string& path, const sockaddr_un& address) {
  struct stat state {};
  if (::lstat(path.c_str(), &state) != 0) {
    return boost::system::in_place_value;
  }
  if (!S_ISSOCK(state.st_mode)) {
    return trouble(path, "there is something else of that name");
  }
  const Descriptor probe = new_socket();
  const auto* const target = reinterpret_cast<const sockaddr*>(&address);
  if (!probe.is_valid() || ::connect(probe.get(), target, sizeof address) == 0 ||
      errno != ECONNREFUSED) {
    return trouble(path, "is in use by another smtpguard; each needs its own");
  }
  if (::unlink(path.c_str()) != 0) {
    return trouble(path, "unlink", errno);
  }
  return boost::system::in_place_value;
}

}  // namespace

Result<Descriptor> listen_on_path(const std::string& path, std::optional<gid_t> group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return trouble(path, "too long");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto cleared = clear(path, address);
  if (!cleared) {
    return cleared.error();
  }
  Descriptor socket = new_socket();
  if (!socket.is_valid()) {
    return trouble(path, "socket", errno);
  }
  // Nobody may connect between bind and chmod.
  const mode_t before = ::umask(0177);
  const int bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int why = errno;
  ::umask(before);
  if (bound != 0) {
    return trouble(path, "bind", why);
  }
  if (group && ::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    return trouble(path, "chown", errno);
  }
  if (::chmod(path.c_str(), 0660) != 0) {
    return trouble(path, "chmod", errno);
  }
  if (::listen(socket.get(), kBacklog) != 0) {
    return trouble(path, "listen", errno);
  }
  return socket;
}

std::optional<uid_t> peer_user(int descriptor) {
#ifdef SO_PEERCRED
#ifdef __OpenBSD__
  sockpeercred peer{};
#else
  ucred peer{};
#endif
  socklen_t size = sizeof peer;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return std::nullopt;
  }
  return peer.uid;
#else
  uid_t user{};
  gid_t group{};
  if (::getpeereid(descriptor, &user, &group) != 0) {
    return std::nullopt;
  }
  return user;
#endif
}

}  // namespace smtpguard::net
