// Whatever DNS and the client said, XCLIENT is clean lines of at most 512 octets that name each
// attribute once, and only what was offered.
#include "proxy/smtp/xclient.hpp"

#include <algorithm>
#include <set>

#include "conf/base/text.hpp"
#include "proxy/smtp/command.hpp"
#include "tests/fuzz/fuzz_support.hpp"

namespace {

using namespace smtpguard;

// The next line of `text`; the last one is all that is left.
std::string take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return std::string(line);
}

void check_line(std::string_view line, std::set<std::string>& seen) {
  test::require(line.size() <= 512 && line.starts_with("XCLIENT ") && line.ends_with("\r\n"),
                "a command of at most 512 octets");
  line.remove_prefix(8);
  line.remove_suffix(2);
  while (!line.empty()) {
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    const std::size_t equals = word.find('=');
    test::require(equals != std::string_view::npos && equals + 1 < word.size(), "NAME=value");
    test::require(smtp::is_xtext(word.substr(equals + 1)), "values are xtext");
    test::require(seen.insert(std::string(word.substr(0, equals))).second, "each attribute once");
  }
}

}  // namespace

// First byte: address family and flags. Then lines: offered, HELO, name, reverse name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  std::string_view text = test::as_text(bytes + 1, size - 1);
  smtp::XclientFacts facts;
  const bool is_v6 = (bytes[0] & 1) != 0;
  facts.client = Endpoint::parse(is_v6 ? "[2001:db8::9]:40001" : "203.0.113.9:40001").value();
  facts.destination = Endpoint::parse("198.51.100.7:25").value();
  facts.is_esmtp = (bytes[0] & 2) != 0;
  facts.name_is_temporarily_unknown = (bytes[0] & 4) != 0;
  const std::string offered = take_line(text);
  facts.helo = take_line(text);
  facts.name = take_line(text);
  facts.reverse_name = std::string(text);  // with whatever line ends there are

  const std::vector<std::string> commands = smtp::build_xclient(facts, offered);
  test::require(commands.size() <= 3, "few commands");
  std::set<std::string> seen;
  for (const std::string& command : commands) {
    check_line(command, seen);
  }
  for (const std::string& name : seen) {
    test::require((" " + to_upper(offered) + " ").find(" " + name + " ") != std::string::npos,
                  "only what was offered");
  }
  test::require(commands.empty() || seen.contains("ADDR"), "never without the address");
  return 0;
}
