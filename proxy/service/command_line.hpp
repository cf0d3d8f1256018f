// CommandLine — the flags of the daemon: smtpguard [-dnv] [-f FILE], as OpenBSD daemons have them.
// Owns: values.   Called by: main.   Fails: an Error with the usage line.
#pragma once

#include <string>

#include "conf/base/result.hpp"

namespace smtpguard::service {

inline constexpr const char* kUsage =
    "usage: smtpguard [-dhnvV] [-f file]\n"
    "  -d  stay in the foreground, log to standard error\n"
    "  -f  configuration file, else /etc/smtpguard.toml\n"
    "  -n  check the configuration and end\n"
    "  -v  log more: what is said to and by the backend\n"
    "  -V  print the version\n"
    "See smtpguard(8).";

struct CommandLine {
  bool foreground = false;                   // -d: stay, log to standard error
  bool check_only = false;                   // -n
  bool verbose = false;                      // -v: debug lines as well
  bool show_version = false;                 // -V
  bool show_help = false;                    // -h
  std::string file = "/etc/smtpguard.toml";  // -f
};

Result<CommandLine> parse_command_line(int argc, char* argv[]);

}  // namespace smtpguard::service
