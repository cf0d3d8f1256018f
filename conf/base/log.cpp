#include "conf/base/log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <exception>
#include <system_error>
#include <utility>

#include "conf/base/clock.hpp"
#include "conf/base/descriptor.hpp"
#include "conf/base/escape.hpp"
#include "conf/base/log_line.hpp"
#include "conf/base/syslog_sink.hpp"

namespace smtpguard {
namespace {

constexpr const char* kIdent = "smtpguard";

// More than that does not wait for the end of a turn.
constexpr std::size_t kMostGathered = 64 * 1024;

// "2026-11-23T21:56:29.123Z smtpguard[123]: "
void append_prefix(std::string& out) {
  out += utc_timestamp();
  out += ' ';
  out += kIdent;
  out += '[';
  out += std::to_string(getpid());
  out += "]: ";
}

// A write to a file does not wait for a reader.
bool is_regular_file(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

// Standard error belongs to others as well, so it may not be made non-blocking. A pipe that takes
// anything takes PIPE_BUF octets; who reads slowly (a journal that hangs) must not stop mail.
bool would_block(int descriptor) {
  pollfd watched{descriptor, POLLOUT, 0};
  return ::poll(&watched, 1, 0) == 0;
}

// Lines on a descriptor. Whole lines with each write(), so that those of several processes do not
// mix; where it may block, in pieces of PIPE_BUF.
class LineWriter {
 public:
  explicit LineWriter(bool may_block) : may_block_(may_block) {}

  // Lines, each with its end. Gives how many of them were lost.
  std::uint64_t write(int descriptor, std::string_view lines) {
    // Of the last line only a part arrived (disk or pipe full): what follows must not continue it.
    if (is_in_mid_line_ && !lines.empty() && !write_some(descriptor, "\n")) {
      return lines_in(lines);
    }
    while (!lines.empty()) {
      const std::size_t count = write_some(descriptor, lines);
      if (count == 0) {
        return lines_in(lines);
      }
      lines.remove_prefix(count);
    }
    return 0;
  }

 private:
  static std::uint64_t lines_in(std::string_view text) {
    return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  }

  // 0: not now.
  std::size_t write_some(int descriptor, std::string_view bytes) {
    if (may_block_ && would_block(descriptor)) {
      return 0;
    }
    if (may_block_ && bytes.size() > PIPE_BUF) {
      const std::size_t end = bytes.rfind('\n', PIPE_BUF - 1);
      bytes = bytes.substr(0, end == std::string_view::npos ? PIPE_BUF : end + 1);
    }
    ssize_t written = -1;
    do {
      written = ::write(descriptor, bytes.data(), bytes.size());
    } while (written < 0 && errno == EINTR);
    if (written <= 0) {
      return 0;
    }
    const auto count = static_cast<std::size_t>(written);
    is_in_mid_line_ = bytes[count - 1] != '\n';
    return count;
  }

  bool may_block_;
  bool is_in_mid_line_ = false;
};

// What standard error and files have in common: a descriptor that takes a stream of lines.
class StreamSink : public LogSink {
 public:
  StreamSink(LineWriter lines, bool raw) : lines_(lines), raw_(raw) {}

  bool write(Severity /*severity*/, std::string_view line) override {
    std::string text;
    append(text, line);
    return lines_.write(descriptor(), text) == 0;
  }
  bool gather(Severity /*severity*/, std::string_view line) override {
    const std::size_t before = gathered_.size();
    try {
      append(gathered_, line);
    } catch (const std::exception&) {
      gathered_.resize(before);  // half a line must not be the beginning of the next
      return false;
    }
    return true;
  }
  std::uint64_t flush() override {
    const std::uint64_t lost = lines_.write(descriptor(), gathered_);
    gathered_.clear();
    return lost;
  }

 protected:
  virtual int descriptor() const = 0;
  // To another descriptor.
  void begin_anew(LineWriter lines) { lines_ = lines; }

 private:
  void append(std::string& text, std::string_view line) const {
    if (!raw_) {
      append_prefix(text);
    }
    text += line;
    text += '\n';
  }
  LineWriter lines_;
  bool raw_;
  std::string gathered_;
};

class StderrSink final : public StreamSink {
 public:
  StderrSink() : StreamSink(LineWriter(!is_regular_file(STDERR_FILENO)), false) {}

 private:
  int descriptor() const override { return STDERR_FILENO; }
};

class FileSink final : public StreamSink {
 public:
  FileSink(Descriptor file, bool raw)
      : StreamSink(LineWriter(!is_regular_file(file.get())), raw),
        file_(std::move(file)),
        raw_(raw) {}

  bool write_lost(std::uint64_t count) override {
    if (!raw_) {
      return LogSink::write_lost(count);
    }
    LogLine line(LogLine::Form::Json);
    line.add("time", utc_timestamp()).add("event", "lost").add_number("lines", count);
    return write(Severity::Warning, std::move(line).finish());
  }
  void replace(Descriptor file) override {
    file_ = std::move(file);
    begin_anew(LineWriter(!is_regular_file(file_.get())));
  }
  Kind kind() const override { return Kind::File; }

 private:
  int descriptor() const override { return file_.get(); }

  Descriptor file_;
  bool raw_;
};

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::Debug:
      return "debug";
    case Severity::Info:
      return "info";
    case Severity::Warning:
      return "warning";
    case Severity::Error:
      break;
  }
  return "error";
}

std::unique_ptr<LogSink> make_stderr_sink() {
  return std::make_unique<StderrSink>();
}

std::unique_ptr<LogSink> make_syslog_sink() {
  return std::make_unique<SyslogSink>();
}

std::unique_ptr<LogSink> make_syslog_sink(Descriptor socket) {
  return std::make_unique<SyslogSink>(std::move(socket));
}

Result<Descriptor> open_log_file(const std::string& path) {
  // O_NONBLOCK: a named pipe without a reader must not hold up the start, nor a slow one a session.
  Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640));
  if (!file.is_valid() && errno == ENXIO) {
    return Error{"log file " + escape(path) +
                 ": nobody reads this named pipe: start its reader before smtpguard"};
  }
  if (!file.is_valid()) {
    return Error{"log file " + escape(path) + ": open: " + std::generic_category().message(errno)};
  }
  return file;
}

Result<std::unique_ptr<LogSink>> make_file_sink(const std::string& path, bool raw) {
  auto file = open_log_file(path);
  if (file.has_error()) {
    return file.error();
  }
  return make_file_sink(std::move(file).value(), raw);
}

std::unique_ptr<LogSink> make_file_sink(Descriptor file, bool raw) {
  return std::make_unique<FileSink>(std::move(file), raw);
}

bool LogSink::write_lost(std::uint64_t count) {
  return write(Severity::Warning, std::to_string(count) + " log lines were lost here");
}

void Log::write(Severity severity, std::string_view line) {
  if (!shows(severity)) {
    return;
  }
  const std::lock_guard lock(writing_);
  for (Outlet& outlet : outlets_) {
    if (outlet.lost > 0 && outlet.sink->write_lost(outlet.lost)) {
      outlet.lost = 0;
    }
    // The order is kept: no line goes ahead of the one that tells of a gap before it.
    const bool is_taken = outlet.lost == 0 && (soon_ ? outlet.sink->gather(severity, line)
                                                     : outlet.sink->write(severity, line));
    count_lost(outlet, is_taken ? 0 : 1);
  }
  if (!soon_) {
    return;
  }
  gathered_ += line.size();
  if (severity >= Severity::Warning || gathered_ > kMostGathered) {
    flush_locked();
  } else if (!std::exchange(is_flush_due_, true)) {
    soon_();
  }
}

void Log::gather(std::function<void()> soon) noexcept {
  const std::lock_guard lock(writing_);
  flush_locked();
  soon_ = std::move(soon);
}

void Log::flush() noexcept {
  const std::lock_guard lock(writing_);
  flush_locked();
}

void Log::flush_locked() {
  is_flush_due_ = false;
  gathered_ = 0;
  for (Outlet& outlet : outlets_) {
    count_lost(outlet, outlet.sink->flush());
  }
}

void Log::count_lost(Outlet& outlet, std::uint64_t lines) {
  outlet.lost += lines;
  dropped_.fetch_add(lines, std::memory_order_relaxed);
}

void Log::tend(TimePoint now) noexcept {
  try {
    const std::lock_guard lock(writing_);
    flush_locked();
    for (Outlet& outlet : outlets_) {
      outlet.sink->tend(now);
      if (outlet.lost > 0 && outlet.sink->write_lost(outlet.lost)) {
        outlet.lost = 0;
      }
    }
  } catch (const std::exception&) {
    // Out of memory; the next second may have some.
  }
}

bool Log::replace(LogSink::Kind kind, const Descriptor& descriptor) {
  const std::lock_guard lock(writing_);
  flush_locked();
  bool is_there = false;
  for (Outlet& outlet : outlets_) {
    if (outlet.sink->kind() == kind) {
      outlet.sink->replace(Descriptor(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 0)));
      is_there = true;
    }
  }
  return is_there;
}

bool Log::is_cut_off(LogSink::Kind kind) {
  const std::lock_guard lock(writing_);
  return std::any_of(outlets_.begin(), outlets_.end(), [&](const Outlet& outlet) {
    return outlet.sink->kind() == kind && outlet.sink->is_cut_off();
  });
}

}  // namespace smtpguard
