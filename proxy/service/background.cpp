#include "proxy/service/background.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace smtpguard::service {
namespace {

Error trouble() {
  return Error{"cannot go to the background: " + std::generic_category().message(errno)};
}

}  // namespace

Result<Background> Background::enter() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) {
    return trouble();
  }
  const Descriptor hear(ends[0]);
  Descriptor tell(ends[1]);
  ::fcntl(hear.get(), F_SETFD, FD_CLOEXEC);
  ::fcntl(tell.get(), F_SETFD, FD_CLOEXEC);
  const pid_t child = ::fork();
  if (child < 0) {
    return trouble();
  }
  if (child > 0) {
    tell.close();
    char status = 0;
    ssize_t got = 0;
    do {
      got = ::read(hear.get(), &status, 1);
    } while (got < 0 && errno == EINTR);
    // Nothing here was ever ours alone: no destructor may run twice.
    ::_exit(got == 1 ? 0 : 1);
  }
  ::setsid();
  if (::chdir("/") != 0) {
    return trouble();
  }
  return Background(std::move(tell));
}

void let_terminal_go() {
  const int null = ::open("/dev/null", O_RDWR);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(null, standard);
  }
  if (null > STDERR_FILENO) {
    ::close(null);
  }
}

void Background::tell_started() {
  if (!told_.is_valid()) {
    return;
  }
  let_terminal_go();
  const char good = 1;
  [[maybe_unused]] const ssize_t told = ::write(told_.get(), &good, 1);
  told_.close();
}

}  // namespace smtpguard::service
