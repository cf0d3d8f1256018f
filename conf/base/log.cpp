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

std::string with_prefix(std::string_view line) {
  std::string out = utc_timestamp();
  out += ' ';
  out += kIdent;
  out += '[' + std::to_string(getpid()) + "]: ";
  out += line;
  return out;
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

// Lines on a descriptor. One write() a line, so that lines of several processes do not mix; one
// that may block is written in pieces of PIPE_BUF.
class LineWriter {
 public:
  explicit LineWriter(bool may_block) : may_block_(may_block) {}

  bool write(int descriptor, std::string line) {
    // Of the last line only a part arrived (disk or pipe full): what follows must not continue it.
    if (is_in_mid_line_) {
      line.insert(line.begin(), '\n');
    }
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
      if (may_block_ && would_block(descriptor)) {
        return false;
      }
      const std::size_t piece =
          may_block_ ? std::min<std::size_t>(rest.size(), PIPE_BUF) : rest.size();
      const ssize_t written = ::write(descriptor, rest.data(), piece);
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written <= 0) {
        return false;
      }
      const auto count = static_cast<std::size_t>(written);
      is_in_mid_line_ = rest[count - 1] != '\n';
      rest.remove_prefix(count);
    }
    return true;
  }

 private:
  bool may_block_;
  bool is_in_mid_line_ = false;
};

class StderrSink final : public LogSink {
 public:
  bool write(Severity /*severity*/, std::string_view line) override {
    return lines_.write(STDERR_FILENO, with_prefix(line));
  }

 private:
  LineWriter lines_{!is_regular_file(STDERR_FILENO)};
};

class FileSink final : public LogSink {
 public:
  FileSink(Descriptor file, bool raw) : file_(std::move(file)), raw_(raw) {}

  bool write(Severity /*severity*/, std::string_view line) override {
    return lines_.write(file_.get(), raw_ ? std::string(line) : with_prefix(line));
  }
  bool write_lost(std::uint64_t count) override {
    if (!raw_) {
      return LogSink::write_lost(count);
    }
    LogLine line(LogLine::Form::Json);
    line.add("time", utc_timestamp()).add("event", "lost").add_number("lines", count);
    return lines_.write(file_.get(), std::move(line).finish());
  }
  void replace(Descriptor file) override {
    file_ = std::move(file);
    lines_ = LineWriter(false);
  }
  Kind kind() const override { return Kind::File; }

 private:
  Descriptor file_;
  LineWriter lines_{false};
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
    if (outlet.lost > 0 || !outlet.sink->write(severity, line)) {
      ++outlet.lost;
      dropped_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

void Log::tend(TimePoint now) noexcept {
  try {
    const std::lock_guard lock(writing_);
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
