#include "proxy/tools/smtpguardctl_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "conf/base/escape.hpp"
#include "conf/nearest_name.hpp"

namespace smtpguard::tools {
namespace {

const CLI::App* find(const CLI::App& app, const std::string& name) {
  for (const CLI::App* const command : app.get_subcommands(nullptr)) {
    if (command->get_name() == name) {
      return command;
    }
  }
  return nullptr;
}

}  // namespace

void add_configuration_option(CLI::App& app, const SharedOptions& common) {
  app.add_option("-f", common->configuration,
                 fmt::format("configuration file, else {}", kDefaultConfiguration));
}

std::string unknown_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word.starts_with('-')) {
      i += word == "-f" ? 1U : 0U;
      continue;
    }
    if (at->get_subcommands(nullptr).empty()) {
      return {};
    }
    const CLI::App* const command = find(*at, word);
    if (command != nullptr) {
      at = command;
      continue;
    }
    std::vector<std::string> names;
    for (const CLI::App* const known : at->get_subcommands(nullptr)) {
      names.push_back(known->get_name());
    }
    const std::string meant = conf::nearest_name(word, names);
    return fmt::format("unknown command \"{}\"{}; known: {}", escape(word, 80),
                       meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant),
                       fmt::join(names, ", "));
  }
  return {};
}

}  // namespace smtpguard::tools
