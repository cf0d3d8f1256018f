#include "proxy/service/app.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/log_line.hpp"
#include "proxy/control/server.hpp"
#include "proxy/net/unix_socket.hpp"
#include "proxy/service/daemon_commands.hpp"
#include "proxy/service/log_care.hpp"
#include "proxy/service/privileges.hpp"
#include "proxy/service/settings.hpp"
#include "proxy/session/worker.hpp"

namespace smtpguard::service {

namespace {

using session::LogSettings;
using SignalSet = net::asio::basic_signal_set<net::Executor>;

// Descriptors that are not sessions: logs, listeners, the event loop, and clients that hear 421.
constexpr std::uint64_t kDescriptorReserve = 64;
// A session needs the client's and the backend's.
constexpr std::uint64_t kDescriptorsPerSession = 2;

int fail(std::string_view text) {
  fmt::print(stderr, "smtpguard: {}\n", text);
  return 1;
}

// Lines about the daemon go wherever those of sessions go, in the same form.
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

struct Logs {
  explicit Logs(Severity least) : text(least), json(least), daemon(least) {
    daemon.add(std::make_unique<TextForward>(text));
    daemon.add(std::make_unique<JsonForward>(json));
  }
  Log text;
  Log json;
  Log daemon;
};

Result<void> open_logs(const LogSettings& settings, bool foreground, Logs& logs) {
  if (foreground) {
    logs.text.add(make_stderr_sink());
  } else if (settings.syslog) {
    logs.text.add(make_syslog_sink());
  }
  if (settings.file.empty()) {
    return boost::system::in_place_value;
  }
  const bool as_json = settings.file_format == LogSettings::Format::Json;
  auto sink = make_file_sink(settings.file, as_json);
  if (sink.has_error()) {
    return sink.error();
  }
  (as_json ? logs.json : logs.text).add(std::move(sink).value());
  return boost::system::in_place_value;
}

// So many sessions as descriptors allow; told when that is fewer than configured.
void fit_connections(session::LimitSettings& limits, Log& log) {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) {
    return;
  }
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  if (descriptors.rlim_cur == RLIM_INFINITY) {
    return;
  }
  const std::uint64_t available = descriptors.rlim_cur;
  const std::uint64_t possible = available > kDescriptorReserve
                                     ? (available - kDescriptorReserve) / kDescriptorsPerSession
                                     : 1;
  if (limits.connections > possible) {
    log.warning(
        fmt::format("limits.connections is {}, but {} descriptors allow only {}; raise the "
                    "limit of open files",
                    limits.connections, available, possible));
    limits.connections = static_cast<std::uint32_t>(possible);
  }
}

class SignalHandler {
 public:
  SignalHandler(session::Worker& worker, Log& log)
      : worker_(worker), log_(log), signals_(worker.io().get_executor()) {
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
      signals_.add(number);
    }
    wait();
  }

 private:
  void wait() {
    signals_.async_wait([this](const net::ErrorCode& error, int number) {
      if (!error) {
        on_signal(number);
        wait();
      }
    });
  }

  void on_signal(int number) {
    if (number == SIGHUP) {
      log_.warning("SIGHUP: a running smtpguard cannot reload yet; restart it");
      return;
    }
    log_.info(fmt::format("{}: stopping, {} sessions and {} visitors",
                          number == SIGTERM ? "SIGTERM" : "SIGINT", worker_.sessions(),
                          worker_.visitors()));
    if (number == SIGTERM) {
      worker_.stop_gently();
    } else {
      worker_.stop_now();
    }
  }

  session::Worker& worker_;
  Log& log_;
  SignalSet signals_;
};

// In the foreground the log shows the warnings on the same terminal.
int check(const LoadedSettings& loaded, bool with_warnings) {
  if (with_warnings) {
    for (const std::string& warning : loaded.settings.warnings) {
      fmt::print(stderr, "warning: {}\n", warning);
    }
  }
  for (const std::string& error : loaded.errors) {
    fmt::print(stderr, "{}\n", error);
  }
  return loaded.ok() ? 0 : 1;
}

// What the process took hold of while it still had the right to.
struct Sockets {
  std::vector<net::Descriptor> listeners;
  net::Descriptor control;  // none: nobody can ask
};

// A daemon that nobody can ask still carries mail.
net::Descriptor open_control(const std::string& path, Log& daemon) {
  if (path.empty()) {
    return {};
  }
  auto socket = net::listen_on_path(path, group_to_change_to());
  if (socket.has_error()) {
    daemon.warning(socket.error().text + "; smtpguardctl cannot reach this smtpguard");
    return {};
  }
  return std::move(socket).value();
}

// A file that cannot be opened leaves the old one in use.
Result<std::string> reopen(const LogSettings& settings, Logs& logs) {
  if (settings.file.empty()) {
    return Error{"log reopen: no log file is configured"};
  }
  const auto file = open_log_file(settings.file);
  if (file.has_error()) {
    return file.error();
  }
  const bool as_json = settings.file_format == LogSettings::Format::Json;
  (as_json ? logs.json : logs.text).replace(LogSink::Kind::File, *file);
  return {boost::system::in_place_value, "reopened " + settings.file};
}

void carry_out(session::Worker& worker, const LogSettings& log, Logs& logs, control::Command order,
               const control::Commands::Done& done) {
  switch (order) {
    case control::Command::Drain:
      done(std::string("draining"));
      worker.stop_gently();
      return;
    case control::Command::Stop:
      done(std::string("stopping"));
      worker.stop_now();
      return;
    case control::Command::ReopenLogs:
      done(reopen(log, logs));
      return;
    default:
      done(Error{fmt::format("{}: a running smtpguard cannot do this yet; restart it",
                             control::to_string(order))});
  }
}

int serve(const CommandLine& line, Settings settings, Logs& logs, Sockets sockets) {
  Log& daemon = logs.daemon;
  session::SessionLog session_log(logs.text, logs.json, daemon, settings.runtime.log_events);
  fit_connections(settings.runtime.limits, daemon);
  session::Worker worker(session_log,
                         std::make_shared<const session::RuntimeConfig>(settings.runtime),
                         settings.fixed.dns);
  for (std::size_t i = 0; i < sockets.listeners.size(); ++i) {
    worker.listen(settings.fixed.listeners[i], std::move(sockets.listeners[i]));
    daemon.info(fmt::format("listening on {}, backend {} ({})",
                            settings.fixed.listeners[i].address.to_string(),
                            settings.runtime.backend.address.to_string(),
                            session::to_string(settings.runtime.backend.identity)));
  }
  for (const std::string& warning : settings.warnings) {
    daemon.warning(warning);
  }
  const SignalHandler signals(worker, daemon);
  const LogCare log_care(worker.wheel(), logs.text, logs.json);
  const std::string now = utc_timestamp();
  DaemonCommands commands(worker, session_log, logs.text, logs.json,
                          {line.file, static_cast<std::uint64_t>(::getpid()), now, now},
                          [&](control::Command order, const control::Commands::Done& done) {
                            carry_out(worker, settings.fixed.log, logs, order, done);
                          });
  std::optional<control::ControlServer> control;
  if (sockets.control.is_valid()) {
    control.emplace(worker.io(), worker.wheel(), commands, daemon, std::move(sockets.control));
  }
  worker.learn_capabilities();
  worker.run();
  daemon.info("stopped");
  return 0;
}

}  // namespace

int run(const CommandLine& line) {
  LoadedSettings loaded = load_settings(line.file);
  const int status = check(loaded, line.check_only || !line.foreground);
  if (line.check_only) {
    if (status == 0) {
      fmt::print(stderr, "configuration OK\n");
    }
    return status;
  }
  if (status != 0) {
    return fail(fmt::format("{}: not started", line.file));
  }
  Logs logs(line.verbose ? Severity::Debug : Severity::Info);
  const auto opened = open_logs(loaded.settings.fixed.log, line.foreground, logs);
  if (opened.has_error()) {
    return fail(opened.error().text);
  }
  Sockets sockets;
  for (const session::ListenerSettings& listener : loaded.settings.fixed.listeners) {
    auto socket = net::listen_on(listener.address);
    if (socket.has_error()) {
      return fail(socket.error().text);
    }
    sockets.listeners.push_back(std::move(socket).value());
  }
  sockets.control = open_control(loaded.settings.fixed.control.socket, logs.daemon);
  const auto privileges = drop_privileges(line.foreground);
  if (privileges.has_error()) {
    return fail(privileges.error().text);
  }
  std::signal(SIGPIPE, SIG_IGN);
  // All that can fail has been done: only now may the caller be told that it worked.
  if (!line.foreground && ::daemon(0, 0) != 0) {
    return fail("cannot go to the background");
  }
  if (!privileges->text.empty()) {
    logs.daemon.write(privileges->severity, privileges->text);
  }
  return serve(line, std::move(loaded.settings), logs, std::move(sockets));
}

}  // namespace smtpguard::service
