// Log — where lines about the daemon and its sessions go: stderr, syslog, a file; any number at
// once. Owns: its sinks.   Called by: every room that has something to tell, from any thread once
// the sinks are added; one per process. Fails: a line that a sink cannot take is counted
// (dropped()) and never stops a session; the sink is told how many are missing as soon as it takes
// lines again. Opening a file fails at start with an Error. Lines must have passed the escaper
// (conf/base/escape.hpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/descriptor.hpp"
#include "conf/base/result.hpp"

namespace smtpguard {

enum class Severity : std::uint8_t { Debug, Info, Warning, Error };
// "debug", "info", "warning", "error".
std::string_view to_string(Severity severity);

class LogSink {
 public:
  enum class Kind : std::uint8_t { Other, Syslog, File };

  LogSink() = default;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  virtual ~LogSink() = default;
  // `line` has no line end. Returns false when the line was lost. Log lets in one thread at a time.
  virtual bool write(Severity severity, std::string_view line) = 0;
  // The same, but it may keep the line until flush(), which gives how many of those were lost.
  virtual bool gather(Severity severity, std::string_view line) { return write(severity, line); }
  virtual std::uint64_t flush() { return 0; }
  // "N log lines were lost here", in the form of the sink's other lines.
  virtual bool write_lost(std::uint64_t count);
  // About once a second: what did not go out goes now, what was lost is looked for.
  virtual void tend(TimePoint /*now*/) {}
  // What it writes to from now on, opened by somebody who may.
  virtual void replace(Descriptor /*descriptor*/) {}
  virtual Kind kind() const { return Kind::Other; }
  // Whether only a new descriptor can help.
  virtual bool is_cut_off() const { return false; }
};

// "2026-11-23T21:56:29.123Z smtpguard[123]: line" on standard error.
std::unique_ptr<LogSink> make_stderr_sink();
// Facility mail, ident "smtpguard", with pid: syslog_sink.hpp.
std::unique_ptr<LogSink> make_syslog_sink();
// The same by a socket that somebody else connected; it is never connected anew from here.
std::unique_ptr<LogSink> make_syslog_sink(Descriptor socket);
// Appends to `path` (created 0640) in the form of the stderr sink; bare lines if `raw` (JSON
// files).
Result<std::unique_ptr<LogSink>> make_file_sink(const std::string& path, bool raw);
std::unique_ptr<LogSink> make_file_sink(Descriptor file, bool raw);
// The file alone: also for a sink that is there, after its file was moved away.
Result<Descriptor> open_log_file(const std::string& path);

class Log {
 public:
  explicit Log(Severity least = Severity::Info) : least_(least) {}
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log() { flush(); }

  // From now on lines may wait for flush(); whoever writes the first that waits calls `soon`. Null:
  // no longer. What warns does not wait.
  void gather(std::function<void()> soon) noexcept;
  void flush() noexcept;

  void add(std::unique_ptr<LogSink> sink) { outlets_.push_back({std::move(sink)}); }
  void write(Severity severity, std::string_view line);
  void debug(std::string_view line) { write(Severity::Debug, line); }
  void info(std::string_view line) { write(Severity::Info, line); }
  void warning(std::string_view line) { write(Severity::Warning, line); }
  void error(std::string_view line) { write(Severity::Error, line); }
  // About once a second, so that what waits in a sink does not wait for the next line.
  void tend(TimePoint now) noexcept;
  // Sinks of this kind write there from now on; a second one gets a duplicate. False: there is
  // none.
  bool replace(LogSink::Kind kind, const Descriptor& descriptor);
  // Whether a sink of this kind waits for a descriptor.
  bool is_cut_off(LogSink::Kind kind);
  bool shows(Severity severity) const { return severity >= least_; }
  // Whether a line of this severity would reach anybody: spares the work of rendering it.
  bool is_heard(Severity severity) const { return shows(severity) && !outlets_.empty(); }
  // Lines that a sink lost since start.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Outlet {
    std::unique_ptr<LogSink> sink;
    std::uint64_t lost = 0;  // and not told yet
  };

  void flush_locked();
  void count_lost(Outlet& outlet, std::uint64_t lines);

  Severity least_;
  std::mutex writing_;
  std::vector<Outlet> outlets_;
  std::function<void()> soon_;
  bool is_flush_due_ = false;
  std::size_t gathered_ = 0;  // octets
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace smtpguard
