// Reports — what the daemon tells about itself, for people and for programs.
// Owns: values.   Called by: service (fills them), ControlServer (renders them).
// Fails: never. What clients said goes through the escaper in both forms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/clock.hpp"
#include "proxy/control/list_reports.hpp"
#include "proxy/control/protocol.hpp"

namespace smtpguard::control {

// A worker from before an upgrade, whose sessions may end.
struct DrainingWorker {
  std::uint64_t pid = 0;
  std::uint64_t sessions = 0;
  Milliseconds time_left{};

  bool operator==(const DrainingWorker&) const = default;
};

struct StatusReport {
  std::string version;
  std::string state;      // "running", "draining"
  std::uint64_t pid = 0;  // of the supervisor: what kill(1) takes
  std::uint64_t worker_pid = 0;
  std::string worker_since;  // UTC; what is counted begins anew with each worker
  std::uint64_t event_loops = 1;
  Milliseconds uptime{};
  std::string started;         // UTC
  std::string stopping_since;  // UTC; empty: it is not stopping
  std::string configuration;   // path
  std::string loaded;          // UTC, when it was read
  std::uint64_t sessions = 0;
  std::uint64_t visitors = 0;  // wait for the greeting
  std::uint64_t slowed = 0;    // sessions in the tarpit
  std::uint64_t most_connections = 0;
  std::uint64_t most_memory = 0;  // of clients, octets; 0: any
  // Since start, of sessions that have ended.
  std::uint64_t ended = 0;
  std::uint64_t delivered = 0;
  std::uint64_t refused = 0;
  std::uint64_t deferred = 0;
  struct Backend {
    std::string address;
    std::string identity;
    std::optional<bool> is_up;                // nothing: was not tried yet
    std::optional<Milliseconds> heard_ago{};  // nothing: it never answered
  };
  std::vector<Backend> backends;
  std::vector<DrainingWorker> draining{};
  std::vector<ListReport> lists_in_trouble{};
  std::uint64_t log_lines_lost = 0;
  std::uint64_t crashes = 0;  // of sessions in this worker, and of workers before it
};

struct SessionReport {
  std::string id;
  std::string client;
  std::string stage;
  std::string helo;
  double seconds = 0;        // since it connected
  std::uint64_t octets = 0;  // of messages
};

struct SessionsReport {
  // The oldest first, at most kSessionsShown.
  std::vector<SessionReport> sessions;
  std::uint64_t left_out = 0;
  std::uint64_t visitors = 0;
  std::vector<DrainingWorker> draining{};  // whose sessions are not among them
};
inline constexpr std::size_t kSessionsShown = 1000;

std::string render(const StatusReport& report, Form form);
std::string render(const SessionsReport& report, Form form);
// {"done":"..."} or the text; {"error":"..."} or the text.
std::string render_done(const std::string& text, Form form);
std::string render_error(const std::string& text, Form form);

}  // namespace smtpguard::control
