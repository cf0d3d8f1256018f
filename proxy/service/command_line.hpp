// CommandLine — the flags of the daemon: smtpguard [-dnv] [-f FILE], as OpenBSD daemons have them.
// Owns: values.   Called by: main.   Fails: an Error with the usage line.
#pragma once

#include <string>

#include "conf/base/result.hpp"

namespace smtpguard::service {

struct CommandLine {
  bool foreground = false;                   // -d: stay, log to standard error
  bool check_only = false;                   // -n
  bool verbose = false;                      // -v: debug lines as well
  bool show_version = false;                 // -V
  std::string file = "/etc/smtpguard.toml";  // -f
};

Result<CommandLine> parse_command_line(int argc, char* argv[]);

}  // namespace smtpguard::service
