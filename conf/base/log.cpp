#include "conf/base/log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <string>
#include <system_error>
#include <utility>

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
class LineWriter {
 public:
  explicit LineWriter(int descriptor) : descriptor_(descriptor) {}

  // False: not all of it was taken (a full disk, a full pipe).
  bool write(std::string_view text) {
    std::string line = is_in_mid_line_ ? "\n" : "";
    line += text;
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written <= 0) {
        is_in_mid_line_ = is_in_mid_line_ || rest.size() < line.size();
        return false;
      }
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    is_in_mid_line_ = false;
    return true;
  }

 private:
  int descriptor_;
  bool is_in_mid_line_ = false;  // the end of a line was not taken: the next begins on a new one
};

class StderrSink final : public LogSink {
 public:
  bool write(Severity /*severity*/, std::string_view line) override {
    return writer_.write(with_prefix(line));
  }

 private:
  LineWriter writer_{STDERR_FILENO};
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
  FileSink(int descriptor, bool raw) : descriptor_(descriptor), writer_(descriptor), raw_(raw) {}
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;
  ~FileSink() override { ::close(descriptor_); }

  bool write(Severity /*severity*/, std::string_view line) override {
    return raw_ ? writer_.write(line) : writer_.write(with_prefix(line));
  }

 private:
  int descriptor_;
  LineWriter writer_;
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

// strftime() would ask the locale; these fields need none.
std::string utc_timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(millis / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  const auto padded = [](long long number, std::size_t width) {
    std::string digits = std::to_string(number);
    return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
  };
  return padded(parts.tm_year + 1900, 4) + '-' + padded(parts.tm_mon + 1, 2) + '-' +
         padded(parts.tm_mday, 2) + 'T' + padded(parts.tm_hour, 2) + ':' + padded(parts.tm_min, 2) +
         ':' + padded(parts.tm_sec, 2) + '.' + padded(millis % 1000, 3) + 'Z';
}

std::unique_ptr<LogSink> make_stderr_sink() {
  return std::make_unique<StderrSink>();
}

std::unique_ptr<LogSink> make_syslog_sink() {
  return std::make_unique<SyslogSink>();
}

Result<std::unique_ptr<LogSink>> make_file_sink(const std::string& path, bool raw) {
  // O_NONBLOCK: a named pipe without a reader must not hold up the start, nor a slow one a session.
  const int descriptor =
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
  if (descriptor < 0) {
    return Error{"log file " + escape(path) + ": open: " + std::generic_category().message(errno)};
  }
  return std::unique_ptr<LogSink>(std::make_unique<FileSink>(descriptor, raw));
}

void Log::write(Severity severity, std::string_view line) {
  if (!shows(severity)) {
    return;
  }
  for (Outlet& outlet : outlets_) {
    if (!outlet.tell_losses(form_) || !outlet.sink->write(severity, line)) {
      ++outlet.lost;
      dropped_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

bool Log::Outlet::tell_losses(LogLine::Form form) {
  if (lost == 0) {
    return true;
  }
  std::string text = std::to_string(lost) + " log lines were lost here";
  if (form == LogLine::Form::Json) {
    LogLine line(form);
    line.add("time", utc_timestamp()).add("event", "daemon");
    line.add("severity", to_string(Severity::Warning)).add("message", text);
    text = std::move(line).finish();
  }
  if (!sink->write(Severity::Warning, text)) {
    return false;
  }
  lost = 0;
  return true;
}

}  // namespace smtpguard
