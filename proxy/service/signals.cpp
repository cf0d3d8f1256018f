#include "proxy/service/signals.hpp"

#include <poll.h>

#include <array>
#include <cstddef>
#include <ctime>

namespace smtpguard::service {
namespace {

constexpr std::array<int, 6> kHeeded{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
constexpr std::size_t kMost = 64;

// A signal handler has no other way to tell.
std::array<volatile std::sig_atomic_t, kMost> came{};

void note(int number) {
  came[static_cast<std::size_t>(number)] = 1;
}

}  // namespace

Signals::Signals() {
  sigset_t heeded;
  ::sigemptyset(&heeded);
  for (const int number : kHeeded) {
    ::sigaddset(&heeded, number);
  }
  ::sigprocmask(SIG_BLOCK, &heeded, &before_);
  for (const int number : kHeeded) {
    ::sigdelset(&before_, number);  // a program that was executed over us inherited them blocked
    struct sigaction action {};
    action.sa_handler = note;
    ::sigaction(number, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

Signals::~Signals() {
  for (const int number : kHeeded) {
    std::signal(number, SIG_DFL);
    came[static_cast<std::size_t>(number)] = 0;
  }
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

void Signals::wait(pollfd* descriptors, unsigned count, int timeout) {
  const timespec limit{timeout / 1000, static_cast<long>(timeout % 1000) * 1'000'000};
  ::ppoll(descriptors, count, &limit, &before_);
}

bool Signals::take(int number) {
  auto& flag = came[static_cast<std::size_t>(number)];
  const bool did = flag != 0;
  flag = 0;
  return did;
}

void Signals::unblock_all() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace smtpguard::service
