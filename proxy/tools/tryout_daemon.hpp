// TryoutDaemon — smtpguard itself as a child of the try-out, and what it logs.
// Owns: the process, the pipe from its standard error, the lines so far.   Called by: tryout_main.
// Fails: is_running() turns false; what it said stands in the lines.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/tools/tryout_socket.hpp"

namespace smtpguard::tryout {

class Daemon {
 public:
  // Runs `binary -d -f configuration`.
  Daemon(const std::filesystem::path& binary, const std::filesystem::path& configuration);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  // SIGTERM, and SIGKILL to one that does not go.
  ~Daemon();

  bool is_running() const;
  // From number `from` on.
  std::vector<std::string> lines(std::size_t from = 0) const;
  // Waits until there are more than `count` lines, the daemon has ended, or the time is over.
  void wait_for_lines(std::size_t count, milliseconds limit) const;
  // The lines of the session that `client` ("127.0.0.1:40000") had, in order; waits for its
  // summary.
  std::vector<std::string> session_of(std::string_view client, milliseconds limit) const;

 private:
  void read_all();
  std::vector<std::string> session_lines(std::string_view client, bool& is_whole) const;

  pid_t pid_ = -1;
  Descriptor log_;
  mutable std::mutex mutex_;  // guards the next three
  mutable std::condition_variable changed_;
  std::vector<std::string> lines_;
  bool has_ended_ = false;
  std::thread reader_;
};

// The value of "key=" in a log line, without quotes; empty if there is none.
std::string_view value_of(std::string_view line, std::string_view key);
// What follows "2026-11-23T21:56:29.123Z smtpguard[123]: ".
std::string_view without_prefix(std::string_view line);

}  // namespace smtpguard::tryout
