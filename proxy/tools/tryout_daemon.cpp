#include "proxy/tools/tryout_daemon.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>

namespace smtpguard::tryout {

namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds kTimeToGo{2000};
constexpr milliseconds kPollStep{20};

// Between fork and exec of a process with threads: system calls only.
[[noreturn]] void become(const char* const* arguments, int log) {
  // Of its own group, so that Ctrl-C reaches us alone and we end it in order.
  ::setpgid(0, 0);
#ifdef __linux__
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, STDIN_FILENO);
  ::dup2(null, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  // execv takes what it does not change without const, for C's sake.
  ::execv(arguments[0], const_cast<char* const*>(arguments));
  constexpr std::string_view kTrouble = "smtpguard could not be started\n";
  [[maybe_unused]] const ssize_t written = ::write(log, kTrouble.data(), kTrouble.size());
  ::_exit(127);
}

}  // namespace

std::string_view value_of(std::string_view line, std::string_view key) {
  const std::string wanted = " " + std::string(key) + "=";
  const std::size_t at = line.find(wanted);
  if (at == std::string_view::npos) {
    return {};
  }
  std::string_view value = line.substr(at + wanted.size());
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    return value.substr(0, value.find('"'));
  }
  return value.substr(0, value.find(' '));
}

std::string_view without_prefix(std::string_view line) {
  const std::size_t at = line.find("]: ");
  return at == std::string_view::npos ? line : line.substr(at + 3);
}

Daemon::Daemon(const std::filesystem::path& binary, const std::filesystem::path& configuration) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) {
    throw std::runtime_error("pipe: no descriptors left");
  }
  log_ = Descriptor(ends[0]);
  Descriptor write_end(ends[1]);
  ::fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  ::fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  const std::array<const char*, 5> arguments{binary.c_str(), "-d", "-f", configuration.c_str(),
                                             nullptr};
  pid_ = ::fork();
  if (pid_ == 0) {
    become(arguments.data(), write_end.get());
  }
  write_end.close();
  if (pid_ < 0) {
    throw std::runtime_error("fork: no process left");
  }
  reader_ = std::thread([this] { read_all(); });
}

Daemon::~Daemon() {
  // The reader meets the end of the pipe when the daemon has gone; it is reaped only here, so its
  // number cannot belong to somebody else.
  ::kill(pid_, SIGTERM);
  int status = 0;
  const Clock::time_point deadline = Clock::now() + kTimeToGo;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (Clock::now() > deadline) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status, 0);
      break;
    }
    std::this_thread::sleep_for(kPollStep);
  }
  reader_.join();
}

void Daemon::read_all() {
  std::string rest;
  std::array<char, 4096> bytes{};
  for (;;) {
    const ssize_t count = ::read(log_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (count <= 0) {
      if (!rest.empty()) {
        lines_.push_back(rest);
      }
      has_ended_ = true;
      changed_.notify_all();
      return;
    }
    rest.append(bytes.data(), static_cast<std::size_t>(count));
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      lines_.push_back(rest.substr(0, end));
      rest.erase(0, end + 1);
    }
    changed_.notify_all();
  }
}

bool Daemon::is_running() const {
  const std::lock_guard lock(mutex_);
  return !has_ended_;
}

std::vector<std::string> Daemon::lines(std::size_t from) const {
  const std::lock_guard lock(mutex_);
  if (from >= lines_.size()) {
    return {};
  }
  return {lines_.begin() + static_cast<std::ptrdiff_t>(from), lines_.end()};
}

void Daemon::wait_for_lines(std::size_t count, milliseconds limit) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] { return lines_.size() > count || has_ended_; });
}

// With the lock held.
std::vector<std::string> Daemon::session_lines(std::string_view client, bool& is_whole) const {
  std::string id;
  std::vector<std::string> found;
  is_whole = false;
  for (const std::string& line : lines_) {
    const std::string text = " " + std::string(without_prefix(line));
    const std::string_view session = value_of(text, "session");
    if (id.empty() && value_of(text, "event") == "connect" && value_of(text, "client") == client) {
      id = session;
    }
    if (!id.empty() && session == id) {
      found.push_back(text.substr(1));
      is_whole = is_whole || value_of(text, "event") == "summary";
    }
  }
  return found;
}

std::vector<std::string> Daemon::session_of(std::string_view client, milliseconds limit) const {
  std::unique_lock lock(mutex_);
  std::vector<std::string> found;
  bool is_whole = false;
  changed_.wait_for(lock, limit, [&] {
    found = session_lines(client, is_whole);
    return is_whole || has_ended_;
  });
  return found;
}

}  // namespace smtpguard::tryout
