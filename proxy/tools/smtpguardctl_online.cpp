#include "proxy/tools/smtpguardctl_online.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "conf/base/result.hpp"
#include "proxy/tools/control_client.hpp"

namespace smtpguard::tools {
namespace {

constexpr const char* kDefaultConfiguration = "/etc/smtpguard.toml";

struct Options {
  bool json = false;
  std::string socket;         // empty: as the configuration says
  std::string configuration;  // empty: the default one, if there is one
};

Result<std::string> socket_of(const Options& options) {
  if (!options.socket.empty()) {
    return options.socket;
  }
  const bool is_given = !options.configuration.empty();
  return find_control_socket(is_given ? options.configuration : kDefaultConfiguration, !is_given);
}

[[noreturn]] void fail(const Error& error) {
  fmt::print(stderr, "smtpguardctl: {}\n", error.text);
  throw CLI::RuntimeError(1);
}

void run(control::Command command, const Options& options) {
  const auto socket = socket_of(options);
  if (!socket) {
    fail(socket.error());
  }
  const control::Request request{command, options.json ? control::Form::Json : control::Form::Text};
  const auto answer = ask(*socket, request);
  if (!answer) {
    fail(answer.error());
  }
  // A program that asked for JSON gets it from standard output whatever the outcome.
  std::FILE* const out = answer->is_ok || options.json ? stdout : stderr;
  fmt::print(out, "{}{}\n", out == stderr ? "smtpguardctl: " : "", answer->body);
  if (!answer->is_ok) {
    throw CLI::RuntimeError(1);
  }
}

void add(CLI::App& parent, const std::string& name, control::Command command,
         const std::string& description) {
  CLI::App* const sub = parent.add_subcommand(name, description);
  const auto options = std::make_shared<Options>();  // shared by the parser and the callback
  sub->add_flag("--json", options->json, "answer in JSON, for programs");
  sub->add_option("--socket", options->socket, "the control socket of the daemon");
  sub->add_option("-f", options->configuration,
                  "configuration file that names the socket, else /etc/smtpguard.toml");
  sub->callback([options, command] { run(command, *options); });
}

}  // namespace

void add_online_commands(CLI::App& app) {
  using control::Command;
  add(app, "status", Command::Status, "how the running smtpguard is");
  add(app, "sessions", Command::Sessions, "the sessions that are open");
  add(app, "reload", Command::Reload, "read the configuration again");
  add(app, "upgrade", Command::Upgrade, "go on with the newly installed program");
  add(app, "drain", Command::Drain, "take no new connections, let the sessions end, then stop");
  add(app, "stop", Command::Stop, "stop at once");
  CLI::App* const log = app.add_subcommand("log", "what concerns the log files");
  log->require_subcommand(1);
  add(*log, "reopen", Command::ReopenLogs, "open the log files anew, after they were moved away");
}

}  // namespace smtpguard::tools
