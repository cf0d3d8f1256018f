#include "proxy/tools/smtpguardctl_online.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "conf/base/result.hpp"
#include "conf/base/text.hpp"
#include "proxy/tools/control_client.hpp"
#include "proxy/tools/smtpguardctl_memory.hpp"

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

namespace {

// What is asked for is told; how long, and why, the daemon reads behind the network.
void add_block(CLI::App& blocks, const SharedOptions& common) {
  CLI::App* const sub = blocks.add_subcommand("add", "turn an address or a network away");
  const auto options = std::make_shared<Options>();
  const auto span = std::make_shared<std::string>("1h");
  const auto why = std::make_shared<std::string>();
  options->common = common;
  sub->add_flag("--json", options->json, "answer in JSON, for programs");
  sub->add_option("--socket", options->socket, "the control socket of the daemon");
  add_configuration_option(*sub, common);
  sub->add_option("network", options->argument, "an address or a network")->required();
  sub->add_option("--for", *span, "how long: \"30m\", \"24h\"; default: 1h");
  sub->add_option("--why", *why, "the reason; the client is told it")->required();
  sub->callback([options, span, why] {
    const auto time = parse_duration(*span);
    if (!time || *time < std::chrono::seconds(1)) {
      fail(Error{"--for " + *span + ": no time of a second or more"});
    }
    options->argument =
        fmt::format("{} {} {}", options->argument,
                    std::chrono::duration_cast<std::chrono::seconds>(*time).count(), *why);
    run(control::Command::BlockAdd, *options);
  });
}

void add_blocks(CLI::App& app, const SharedOptions& common) {
  CLI::App* const blocks = app.add_subcommand("block", "who is turned away for a time");
  blocks->require_subcommand(1);
  add_block(*blocks, common);
  add_online_command(*blocks, common, "list", control::Command::BlockList, "who is blocked");
  add_online_command(*blocks, common, "del", control::Command::BlockDelete,
                     "block an address or a network no more");
}

// A line each: "DOMAIN" or "DOMAIN ORIGIN"; # for comments.
void import_file(const std::string& path, Options options) {
  std::ifstream file(path);
  if (!file) {
    fail(Error{path + ": cannot be read"});
  }
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string domain;
    std::string origin;
    words >> domain >> origin;
    if (!domain.empty()) {
      options.argument = domain + (origin.empty() ? "" : " ") + origin;
      run(control::Command::CorrespondentsImport, options);
      ++number;
    }
  }
  if (!options.json) {
    fmt::print("{} imported\n", number);
  }
}

void add_correspondents(CLI::App& app, const SharedOptions& common) {
  CLI::App* const known = app.add_subcommand("correspondents", "senders that have written before");
  known->require_subcommand(1);
  add_online_command(*known, common, "list", control::Command::CorrespondentsList,
                     "those that are known, the last of them first");
  CLI::App* const sub = known->add_subcommand("import", "make the domains of a file known");
  const auto options = std::make_shared<Options>();
  const auto path = std::make_shared<std::string>();
  options->common = common;
  sub->add_flag("--json", options->json, "answer in JSON, a line each, for programs");
  sub->add_option("--socket", options->socket, "the control socket of the daemon");
  add_configuration_option(*sub, common);
  sub->add_option("file", *path, "a domain a line, and perhaps where its mail comes from")
      ->required();
  sub->callback([options, path] { import_file(*path, *options); });
}

}  // namespace

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
  add_memory_files(*memory, common);
  add_online_command(*memory, common, "stats", Command::MemoryStats, "how much is remembered");
  CLI::App* const greylist = app.add_subcommand("greylist", "who has to come back, or has");
  greylist->require_subcommand(1);
  add_online_command(*greylist, common, "list", Command::GreylistList,
                     "what was greylisted, the last of it first");
  add_correspondents(app, common);
  add_blocks(app, common);
  add_online_command(app, common, "pass", Command::Pass,
                     "an address, or all hosts of a domain, need not wait for the greeting");
}

}  // namespace smtpguard::tools
