#include "proxy/tools/smtpguardctl_config.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "proxy/service/settings.hpp"
#include "proxy/tools/config_show.hpp"

namespace smtpguard::tools {
namespace {

struct Options {
  bool json = false;
  ShowOptions show;
  SharedOptions common;
};

void run(Options& options) {
  options.show.file = options.common->configuration_path();
  const auto loaded = service::load_settings_without_keys(options.show.file);
  if (!loaded.ok()) {
    fmt::print(stderr, "smtpguardctl: {}\n", fmt::join(loaded.errors, "\n"));
    throw CLI::RuntimeError(1);
  }
  fmt::print("{}", options.json ? show_in_json(loaded.in_force, options.show) + '\n'
                                : show_in_toml(loaded.in_force, options.show));
}

}  // namespace

void add_config_command(CLI::App& app, const SharedOptions& common) {
  CLI::App* const config = app.add_subcommand("config", "what the configuration comes to");
  config->require_subcommand(1);
  CLI::App* const sub =
      config->add_subcommand("show", "every key that is in force, with its value");
  const auto options = std::make_shared<Options>();  // shared by the parser and the callback
  sub->add_flag("--non-default", options->show.only_non_default,
                "only what is not as it would be without the file");
  sub->add_flag("--origin", options->show.with_origin, "with the line of the file, or \"default\"");
  sub->add_flag("--json", options->json, "answer in JSON, for programs");
  options->common = common;
  add_configuration_option(*sub, common);
  sub->callback([options] { run(*options); });
}

}  // namespace smtpguard::tools
