// smtpguardctl — asks and steers the running daemon, tries out settings. See smtpguardctl(8).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <memory>

#include "proxy/tools/smtpguardctl_config.hpp"
#include "proxy/tools/smtpguardctl_dnsbl.hpp"
#include "proxy/tools/smtpguardctl_online.hpp"
#include "proxy/tools/smtpguardctl_options.hpp"
#include "proxy/tools/smtpguardctl_policy.hpp"
#include "proxy/tools/smtpguardctl_probe.hpp"
#include "proxy/tools/smtpguardctl_test.hpp"

int main(int argc, char* argv[]) {
  try {
    CLI::App app("Asks and steers smtpguard. See smtpguardctl(8).", "smtpguardctl");
    app.set_version_flag("-V,--version", "smtpguardctl " SMTPGUARD_VERSION);
    app.require_subcommand(1);
    const auto common = std::make_shared<smtpguard::tools::CommonOptions>();
    smtpguard::tools::add_configuration_option(app, common);
    smtpguard::tools::add_online_commands(app, common);
    smtpguard::tools::add_test_command(app, common);
    smtpguard::tools::add_dnsbl_command(app, common);
    smtpguard::tools::add_policy_command(app, common);
    smtpguard::tools::add_probe_command(app, common);
    smtpguard::tools::add_config_command(app, common);
    const std::string slip = smtpguard::tools::unknown_command(app, {argv + 1, argv + argc});
    if (!slip.empty()) {
      fmt::print(stderr, "smtpguardctl: {}\n", slip);
      return 1;
    }
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error);
    }
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "smtpguardctl: {}\n", error.what());
    return 1;
  }
}
