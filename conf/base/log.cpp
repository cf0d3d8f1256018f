#include "conf/base/log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "conf/base/clock.hpp"
#include "conf/base/descriptor.hpp"
#include "conf/base/escape.hpp"

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

// One write() a line, so that lines of several threads and processes do not mix.
bool write_line(int descriptor, std::string line) {
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return false;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

class StderrSink final : public LogSink {
 public:
  bool write(Severity /*severity*/, std::string_view line) override {
    return write_line(STDERR_FILENO, with_prefix(line));
  }
};

class SyslogSink final : public LogSink {
 public:
  // LOG_NDELAY: the socket must be open before a chroot.
  SyslogSink() { ::openlog(kIdent, LOG_PID | LOG_NDELAY, LOG_MAIL); }
  SyslogSink(const SyslogSink&) = delete;
  SyslogSink& operator=(const SyslogSink&) = delete;
  ~SyslogSink() override { ::closelog(); }

  // syslog(3) does not tell whether the line arrived.
  bool write(Severity severity, std::string_view line) override {
    ::syslog(LOG_MAIL | priority(severity), "%.*s", static_cast<int>(line.size()), line.data());
    return true;
  }

 private:
  static int priority(Severity severity) {
    switch (severity) {
      case Severity::Debug:
        return LOG_DEBUG;
      case Severity::Info:
        return LOG_INFO;
      case Severity::Warning:
        return LOG_WARNING;
      case Severity::Error:
        break;
    }
    return LOG_ERR;
  }
};

class FileSink final : public LogSink {
 public:
  FileSink(Descriptor file, bool raw) : file_(std::move(file)), raw_(raw) {}

  bool write(Severity /*severity*/, std::string_view line) override {
    return write_line(file_.get(), raw_ ? std::string(line) : with_prefix(line));
  }

 private:
  Descriptor file_;
  bool raw_;
};

}  // namespace

std::unique_ptr<LogSink> make_stderr_sink() {
  return std::make_unique<StderrSink>();
}

std::unique_ptr<LogSink> make_syslog_sink() {
  return std::make_unique<SyslogSink>();
}

Result<std::unique_ptr<LogSink>> make_file_sink(const std::string& path, bool raw) {
  // O_NONBLOCK: a named pipe without a reader must not hold up the start, nor a slow one a session.
  Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640));
  if (!file.is_valid()) {
    return Error{"log file " + escape(path) + ": open: " + std::generic_category().message(errno)};
  }
  return std::unique_ptr<LogSink>(std::make_unique<FileSink>(std::move(file), raw));
}

void Log::write(Severity severity, std::string_view line) {
  if (!shows(severity)) {
    return;
  }
  for (const auto& sink : sinks_) {
    if (!sink->write(severity, line)) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

}  // namespace smtpguard
