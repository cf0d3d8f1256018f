#include "proxy/tools/control_client.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "conf/base/descriptor.hpp"
#include "conf/base/escape.hpp"
#include "conf/reader.hpp"
#include "proxy/control/settings.hpp"

namespace smtpguard::tools {
namespace {

constexpr int kPatienceSeconds = 60;
// Far above what the daemon sends; a wrong program at the other end must not fill our memory.
constexpr std::size_t kAnswerLimit = 64'000'000;

std::string words_of(int error) {
  return std::generic_category().message(error);
}

Error trouble(const std::string& socket, const std::string& what) {
  return Error{escape(socket) + ": " + what};
}

Error why_not_connected(const std::string& socket, int error) {
  struct stat state {};
  const bool is_there = ::stat(socket.c_str(), &state) == 0;
  if (is_there && !S_ISSOCK(state.st_mode)) {
    return trouble(socket, "is not a socket; name the daemon's with --socket or -f");
  }
  switch (error) {
    case ENOENT:
      return trouble(socket,
                     "no such socket; is smtpguard running? If it is, name its socket with "
                     "--socket or its configuration with -f");
    case ECONNREFUSED:
      return trouble(socket, "nobody listens there: smtpguard is not running; start it");
    case EACCES:
    case EPERM:
      return trouble(socket,
                     "permission denied; only root and members of the group _smtpguard may");
    case EAGAIN:
      return trouble(socket, "too many others are asking; try again");
    default:
      return trouble(socket, "connect: " + words_of(error));
  }
}

Result<Descriptor> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return trouble(path, "too long for the path of a socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (!socket.is_valid()) {
    return trouble(path, "socket: " + words_of(errno));
  }
  const timeval patience{kPatienceSeconds, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return why_not_connected(path, errno);
  }
  return socket;
}

bool send_all(const Descriptor& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(socket.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// Until the other side closes. An error that is no timeout is an end like any other: what arrived
// tells whether it is whole.
Result<std::string> receive_all(const Descriptor& socket, const std::string& path) {
  std::string all;
  std::array<char, 16384> part{};
  while (all.size() < kAnswerLimit) {
    const ssize_t count = ::read(socket.get(), part.data(), part.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return trouble(path, "no answer within " + std::to_string(kPatienceSeconds) +
                               " s; smtpguard hangs or is being stopped");
    }
    if (count <= 0) {
      break;
    }
    all.append(part.data(), static_cast<std::size_t>(count));
  }
  return all;
}

}  // namespace

Result<std::string> find_control_socket(const std::string& configuration, bool may_be_absent) {
  std::error_code ignored;
  if (may_be_absent && !std::filesystem::exists(configuration, ignored)) {
    return std::string(control::kDefaultSocket);
  }
  const auto document = conf::Document::load(configuration);
  if (!document) {
    return Error{document.error().text + "; name the daemon's socket with --socket"};
  }
  conf::Reading reading(*document);
  const control::ControlSettings settings =
      control::read_control(reading.root().section("control"));
  if (!reading.report().errors().empty()) {
    return Error{reading.report().errors().front() + "; name the daemon's socket with --socket"};
  }
  if (settings.socket.empty()) {
    return Error{escape(configuration) + ": [control] socket is empty: this smtpguard has none"};
  }
  return settings.socket;
}

Result<control::Answer> ask(const std::string& socket, const control::Request& request) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto connected = connect_to(socket);
  if (!connected) {
    return connected.error();
  }
  // A daemon that has too many clients answers before it has read: so what cannot be sent is not
  // the end yet.
  [[maybe_unused]] const bool is_sent = send_all(*connected, control::to_wire(request));
  const auto bytes = receive_all(*connected, socket);
  if (!bytes) {
    return bytes.error();
  }
  auto answer = control::parse_answer(*bytes);
  if (!answer) {
    return trouble(socket, answer.error().text);
  }
  return answer;
}

}  // namespace smtpguard::tools
