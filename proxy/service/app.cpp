#include "proxy/service/app.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/service/handover.hpp"
#include "proxy/service/invocation.hpp"
#include "proxy/service/supervisor.hpp"

namespace smtpguard::service {

namespace {

int fail(std::string_view text) {
  fmt::print(stderr, "smtpguard: {}\n", text);
  return 1;
}

// In the foreground the log shows the warnings on the same terminal.
int check(const Configuration& configuration, bool with_warnings) {
  if (with_warnings) {
    for (const std::string& warning : configuration.settings.warnings) {
      fmt::print(stderr, "warning: {}\n", warning);
    }
  }
  for (const std::string& error : configuration.errors) {
    fmt::print(stderr, "{}\n", error);
  }
  return configuration.ok() ? 0 : 1;
}

// What is no fault of the configuration, but will be asked for.
int finish_check(const Configuration& configuration, int status) {
  const std::string trouble = trouble_with_handover_format();
  if (!trouble.empty()) {
    return fail(trouble);
  }
  const std::string missing = missing_user();
  if (!missing.empty()) {
    fmt::print(stderr, "warning: {}\n", missing);
  }
  if (configuration.ok() && !configuration.settings.runtime.tls.has_certificates) {
    fmt::print(
        stderr,
        "hint: no [tls] certificates: STARTTLS is not offered, and senders that insist on it "
        "(MTA-STS, DANE) do not deliver\n");
  }
  if (status == 0) {
    fmt::print(stderr, "configuration OK\n");
  }
  return status;
}

// All that a worker needs and only we can open. After a hand-over the service goes on without what
// cannot be opened, and a worker that is started later for one that crashed is not to lack more
// than that: so privileges come first, and sockets are let go only for others.
Result<void> open_everything(Supervisor::Setup& setup, Logs& logs) {
  const StaticConfig& fixed = setup.configuration.settings.fixed;
  setup.privileges = plan_privileges(setup.line.foreground);
  const auto opened = logs.open(fixed.log, setup.line.foreground);
  if (!setup.privileges) {
    return setup.privileges.error();
  }
  if (!opened) {
    return opened.error();
  }
  if (!setup.configuration.ok()) {
    return Error{setup.configuration.errors.front()};
  }
  const auto matched = setup.sockets.match(fixed.listeners);
  if (!matched) {
    return matched.error();
  }
  const auto& account = setup.privileges->become;
  const auto control = setup.sockets.open_control(
      fixed.control.socket, account ? std::optional<gid_t>(account->group) : std::nullopt);
  if (!control) {
    // A daemon that nobody can ask still carries mail.
    logs.daemon.warning(control.error().text + "; smtpguardctl cannot reach this smtpguard");
  }
  return boost::system::in_place_value;
}

// Supervisor or worker, until the end of that.
int supervise(Supervisor::Setup setup) {
  Supervisor::Ending ending;
  {
    forbid_core_dumps();
    Signals signals;  // before anybody can connect: who sees the port open may send one
    Logs logs(setup.line.verbose ? Severity::Debug : Severity::Info);
    const auto opened = open_everything(setup, logs);
    if (!opened && !setup.handover) {
      return fail(opened.error().text);
    }
    if (!opened) {
      setup.trouble = opened.error().text;
    }
    if (!setup.line.foreground && !setup.handover) {
      auto background = Background::enter();
      if (!background) {
        return fail(background.error().text);
      }
      setup.background = std::move(background).value();
    }
    Supervisor supervisor(std::move(setup), logs, signals);
    ending = supervisor.run();
  }
  return ending.worker ? run_worker(std::move(*ending.worker)) : ending.status;
}

// What the program had that was upgraded to this one.
void take_over(const Handover& handover, Sockets& sockets) {
  for (const Handover::Socket& listener : handover.listeners) {
    sockets.listeners.emplace(listener.name, Descriptor(listener.number));
  }
  if (handover.control) {
    sockets.control_path = handover.control->name;
    sockets.control = Descriptor(handover.control->number);
  }
}

}  // namespace

int run(const CommandLine& line, const std::string& program) {
  Supervisor::Setup setup;
  setup.line = line;
  setup.program = program;
  if (!line.foreground) {
    setup.line.file = absolute_path(line.file);  // we go to the root directory
  }
  setup.configuration = load_configuration(setup.line.file);
  auto handover = line.check_only ? std::nullopt : take_handover();
  const int status = check(setup.configuration, line.check_only || !(line.foreground || handover));
  if (line.check_only) {
    return finish_check(setup.configuration, status);
  }
  if (handover && handover->has_error()) {
    return fail(handover->error().text);
  }
  if (handover) {
    setup.handover = std::move(*handover).value();
    take_over(*setup.handover, setup.sockets);
  }
  if (status != 0 && !setup.handover) {
    return fail(fmt::format("{}: not started", line.file));
  }
  return supervise(std::move(setup));
}

}  // namespace smtpguard::service
