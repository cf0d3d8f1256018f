#include "conf/base/anonymous_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace smtpguard {
namespace {

Error trouble(const char* call) {
  return Error{std::string("anonymous file: ") + call + ": " +
               std::generic_category().message(errno)};
}

int open_unnamed() {
#ifdef MFD_CLOEXEC
  return ::memfd_create("smtpguard", MFD_CLOEXEC);
#else
  std::string path = "/tmp/smtpguard.XXXXXXXXXX";
  const int file = ::mkstemp(path.data());
  if (file >= 0) {
    ::unlink(path.c_str());
    ::fcntl(file, F_SETFD, FD_CLOEXEC);
  }
  return file;
#endif
}

}  // namespace

Result<Descriptor> make_anonymous_file() {
  Descriptor file(open_unnamed());
  if (!file.is_valid()) {
    return trouble("open");
  }
  return file;
}

Result<Descriptor> make_anonymous_file(std::string_view content) {
  auto file = make_anonymous_file();
  while (file && !content.empty()) {
    const ssize_t written = ::write(file->get(), content.data(), content.size());
    if (written < 0 && errno != EINTR) {
      return trouble("write");
    }
    content.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
  return file;
}

Result<std::string> read_all(const Descriptor& file, std::size_t limit) {
  struct stat state {};
  if (::fstat(file.get(), &state) != 0) {
    return trouble("fstat");
  }
  const auto size = static_cast<std::size_t>(std::max<off_t>(state.st_size, 0));
  if (!S_ISREG(state.st_mode) || size > limit) {
    return Error{"anonymous file: more than " + std::to_string(limit) + " octets, or no file"};
  }
  std::string content(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t got =
        ::pread(file.get(), content.data() + filled, size - filled, static_cast<off_t>(filled));
    if (got == 0) {
      break;  // it shrank
    }
    if (got < 0 && errno != EINTR) {
      return trouble("pread");
    }
    filled += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  }
  content.resize(filled);
  return content;
}

}  // namespace smtpguard
