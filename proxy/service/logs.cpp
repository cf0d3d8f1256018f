#include "proxy/service/logs.hpp"

#include <memory>
#include <string_view>
#include <utility>

#include "conf/base/clock.hpp"
#include "conf/base/log_line.hpp"

namespace smtpguard::service {
namespace {

using Format = session::LogSettings::Format;

class TextForward final : public LogSink {
 public:
  explicit TextForward(Log& to) : to_(to) {}
  bool write(Severity severity, std::string_view line) override {
    to_.write(severity, line);
    return true;
  }

 private:
  Log& to_;
};

class JsonForward final : public LogSink {
 public:
  explicit JsonForward(Log& to) : to_(to) {}
  bool write(Severity severity, std::string_view line) override {
    LogLine json(LogLine::Form::Json);
    json.add("time", utc_timestamp()).add("event", "daemon");
    json.add("severity", to_string(severity)).add("message", line);
    to_.write(severity, std::move(json).finish());
    return true;
  }

 private:
  Log& to_;
};

}  // namespace

Logs::Logs(Severity least) : text(least), json(least), daemon(least) {
  daemon.add(std::make_unique<TextForward>(text));
  daemon.add(std::make_unique<JsonForward>(json));
}

Result<void> Logs::open(const session::LogSettings& settings, bool foreground) {
  if (foreground) {
    text.add(make_stderr_sink());
  } else if (settings.syslog) {
    text.add(make_syslog_sink());
  }
  if (settings.file.empty()) {
    return boost::system::in_place_value;
  }
  auto file = open_log_file(settings.file);
  if (file.has_error()) {
    return file.error();
  }
  add_file(std::move(file).value(), settings.file_format);
  return boost::system::in_place_value;
}

Result<Descriptor> Logs::reopen(const session::LogSettings& settings) {
  if (settings.file.empty()) {
    return Error{"log reopen: no log file is configured"};
  }
  auto file = open_log_file(settings.file);
  if (file) {
    replace(LogSink::Kind::File, *file);
  }
  return file;
}

void Logs::add_file(Descriptor file, Format format) {
  const bool as_json = format == Format::Json;
  (as_json ? json : text).add(make_file_sink(std::move(file), as_json));
}

bool Logs::replace(LogSink::Kind kind, const Descriptor& descriptor) {
  const bool in_text = text.replace(kind, descriptor);
  const bool in_json = json.replace(kind, descriptor);
  return in_text || in_json;
}

bool Logs::lacks_syslog() {
  return text.is_cut_off(LogSink::Kind::Syslog);
}

void Logs::tend() {
  const TimePoint now = SteadyClock::now();
  text.tend(now);
  json.tend(now);
}

// What is said about the daemon goes by the two others.
void Logs::gather(const std::function<void()>& soon) {
  text.gather(soon);
  json.gather(soon);
}

void Logs::flush() noexcept {
  text.flush();
  json.flush();
}

}  // namespace smtpguard::service
