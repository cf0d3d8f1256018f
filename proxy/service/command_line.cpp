#include "proxy/service/command_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace smtpguard::service {

Result<CommandLine> parse_command_line(int argc, char* argv[]) {
  CommandLine line;
  optind = 1;
  opterr = 0;
  int flag = 0;
  while ((flag = ::getopt(argc, argv, ":df:hnvV")) != -1) {
    switch (flag) {
      case 'd':
        line.foreground = true;
        break;
      case 'f':
        line.file = optarg;
        break;
      case 'h':
        line.show_help = true;
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
      case ':':
        return Error{fmt::format("-{}: a value is missing\n{}", static_cast<char>(optopt), kUsage)};
      default:
        return Error{fmt::format("-{}: unknown flag\n{}", static_cast<char>(optopt), kUsage)};
    }
  }
  if (optind < argc) {
    return Error{fmt::format("{}: not expected here\n{}", argv[optind], kUsage)};
  }
  return line;
}

}  // namespace smtpguard::service
