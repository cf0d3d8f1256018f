#include "conf/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "conf/base/descriptor.hpp"
#include "conf/base/escape.hpp"

namespace smtpguard::conf {
namespace {

Error trouble(const std::string& path, std::string_view why) {
  return Error{escape(path) + ": " + std::string(why)};
}

Error system_trouble(const std::string& path) {
  return trouble(path, "cannot be read: " + std::generic_category().message(errno));
}

}  // namespace

Result<std::string> read_file(const std::string& path, ByteCount limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat state {};
  if (!file.is_valid() || ::fstat(file.get(), &state) != 0) {
    return system_trouble(path);
  }
  if (!S_ISREG(state.st_mode)) {
    return trouble(path, "is not a regular file");
  }
  const Error too_large =
      trouble(path, "is larger than " + std::to_string(to_number(limit)) + " bytes");
  const auto size = static_cast<std::uint64_t>(state.st_size);
  if (size > to_number(limit)) {
    return too_large;
  }
  // One byte more than fstat() told: a file that grows meanwhile is noticed and still bounded.
  std::string text(static_cast<std::size_t>(size) + 1, '\0');
  std::size_t filled = 0;
  while (true) {
    const ssize_t count = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return system_trouble(path);
    }
    filled += static_cast<std::size_t>(count);
    if (filled > to_number(limit)) {
      return too_large;
    }
    if (count == 0) {
      text.resize(filled);
      return {boost::system::in_place_value, std::move(text)};
    }
    if (filled == text.size()) {
      text.resize(text.size() + 4096);
    }
  }
}

std::string resolve_beside(const std::string& path, const std::string& base) {
  const auto slash = base.rfind('/');
  if (path.empty() || path.front() == '/' || slash == std::string::npos) {
    return path;
  }
  return base.substr(0, slash + 1) + path;
}

}  // namespace smtpguard::conf
