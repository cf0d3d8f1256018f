#include "proxy/service/command_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace smtpguard::service {

namespace {
constexpr const char* kUsage = "usage: smtpguard [-dnvV] [-f file]";
}

Result<CommandLine> parse_command_line(int argc, char* argv[]) {
  CommandLine line;
  optind = 1;
  opterr = 0;
  int flag = 0;
  while ((flag = ::getopt(argc, argv, "df:nvV")) != -1) {
    switch (flag) {
      case 'd':
        line.foreground = true;
        break;
      case 'f':
        line.file = optarg;
        break;
      case 'n':
        line.check_only = true;
        break;
      case 'v':
        line.verbose = true;
        break;
      case 'V':
        line.show_version = true;
        break;
      default:
        return Error{fmt::format("-{}: unknown flag, or its value is missing\n{}",
                                 static_cast<char>(optopt), kUsage)};
    }
  }
  if (optind < argc) {
    return Error{fmt::format("{}: not expected here\n{}", argv[optind], kUsage)};
  }
  return line;
}

}  // namespace smtpguard::service
