// smtpguard — the daemon. Flags and exit status: smtpguard(8).
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>

#include "proxy/service/app.hpp"
#include "proxy/service/invocation.hpp"
#include "proxy/service/process_title.hpp"

int main(int argc, char* argv[]) {
  try {
    const std::string program = smtpguard::service::find_program(argc > 0 ? argv[0] : "smtpguard");
    const auto line = smtpguard::service::parse_command_line(argc, argv);
    if (line.has_error()) {
      fmt::print(stderr, "smtpguard: {}\n", line.error().text);
      return 1;
    }
    if (line->show_help) {
      fmt::print("{}\n", smtpguard::service::kUsage);
      return 0;
    }
    if (line->show_version) {
      fmt::print("smtpguard {}\n", SMTPGUARD_VERSION);
      return 0;
    }
    smtpguard::service::claim_process_title(argc, argv);
    return smtpguard::service::run(line.value(), program);
  } catch (const std::exception& error) {
    fmt::print(stderr, "smtpguard: cannot go on: {}\n", error.what());
    return 1;
  }
}
