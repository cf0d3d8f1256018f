// smtpguardctl — asks and steers the running daemon, tries out settings. See smtpguardctl(8).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "proxy/tools/smtpguardctl_dnsbl.hpp"
#include "proxy/tools/smtpguardctl_online.hpp"
#include "proxy/tools/smtpguardctl_test.hpp"

int main(int argc, char* argv[]) {
  try {
    CLI::App app("Asks and steers smtpguard. See smtpguardctl(8).", "smtpguardctl");
    app.set_version_flag("-V,--version", "smtpguardctl " SMTPGUARD_VERSION);
    app.require_subcommand(1);
    smtpguard::tools::add_online_commands(app);
    smtpguard::tools::add_test_command(app);
    smtpguard::tools::add_dnsbl_command(app);
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
