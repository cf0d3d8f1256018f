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

struct Options {
  bool json = false;
  std::string socket;  // empty: as the configuration says
  SharedOptions common;
  std::string argument;
};

// Without a configuration the default one counts, if there is one.
Result<std::string> socket_of(const Options& options) {
  if (!options.socket.empty()) {
    return options.socket;
  }
  return find_control_socket(options.common->configuration_path(),
                             options.common->configuration.empty());
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
  const control::Request request{command, options.json ? control::Form::Json : control::Form::Text,
                                 options.argument};
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

}  // namespace

void add_online_command(CLI::App& parent, const SharedOptions& common, const std::string& name,
                        control::Command command, const std::string& description) {
  CLI::App* const sub = parent.add_subcommand(name, description);
  const auto options = std::make_shared<Options>();  // shared by the parser and the callback
  options->common = common;
  sub->add_flag("--json", options->json, "answer in JSON, for programs");
  sub->add_option("--socket", options->socket, "the control socket of the daemon");
  add_configuration_option(*sub, common);
  if (control::takes_argument(command)) {
    sub->add_option("who", options->argument, "an address or a domain")->required();
  }
  sub->callback([options, command] { run(command, *options); });
}

void add_online_commands(CLI::App& app, const SharedOptions& common) {
  using control::Command;
  add_online_command(app, common, "status", Command::Status, "how the running smtpguard is");
  add_online_command(app, common, "sessions", Command::Sessions, "the sessions that are open");
  add_online_command(app, common, "reload", Command::Reload, "read the configuration again");
  add_online_command(app, common, "upgrade", Command::Upgrade,
                     "go on with the newly installed program");
  add_online_command(app, common, "drain", Command::Drain,
                     "take no new connections, let the sessions end, then stop");
  add_online_command(app, common, "stop", Command::Stop, "stop at once");
  CLI::App* const log = app.add_subcommand("log", "what concerns the log files");
  log->require_subcommand(1);
  add_online_command(*log, common, "reopen", Command::ReopenLogs,
                     "open the log files anew, after they were moved away");
  CLI::App* const memory = app.add_subcommand("memory", "what is remembered of clients");
  memory->require_subcommand(1);
  add_online_command(*memory, common, "show", Command::MemoryShow,
                     "what is remembered of an address or a domain");
  add_online_command(*memory, common, "forget", Command::MemoryForget,
                     "forget an address or a domain");
  add_online_command(*memory, common, "stats", Command::MemoryStats, "how much is remembered");
  CLI::App* const greylist = app.add_subcommand("greylist", "who has to come back, or has");
  greylist->require_subcommand(1);
  add_online_command(*greylist, common, "list", Command::GreylistList,
                     "what was greylisted, the last of it first");
  add_online_command(app, common, "pass", Command::Pass,
                     "an address, or all hosts of a domain, need not wait for the greeting");
}

}  // namespace smtpguard::tools
