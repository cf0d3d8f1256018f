// Options that all commands of smtpguardctl have in common, and what is said to a slip of the pen.
// Owns: values.   Called by: smtpguardctl_main and the files of the commands.
// Fails: never.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace smtpguard::tools {

inline constexpr const char* kDefaultConfiguration = "/etc/smtpguard.toml";

struct CommonOptions {
  std::string configuration;  // empty: none was named, so it is the default one

  std::string configuration_path() const {
    return configuration.empty() ? kDefaultConfiguration : configuration;
  }
};
// Shared by the parser and the callbacks of all commands.
using SharedOptions = std::shared_ptr<CommonOptions>;

// "-f FILE", which may stand before the command and behind it.
void add_configuration_option(CLI::App& app, const SharedOptions& common);

// `arguments` without the program's name. Empty: every word where a command is due is one.
std::string unknown_command(const CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace smtpguard::tools
