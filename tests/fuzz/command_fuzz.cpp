// Whatever parses is one clean line on the wire, and reads the same again; whatever does not has a
// short ASCII text for the sender.
#include "proxy/smtp/command.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz_support.hpp"

namespace {

using namespace smtpguard;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '\x7F';
}

bool goes_to_backends(smtp::Verb verb) {
  using smtp::Verb;
  constexpr Verb kVerbs[] = {Verb::Helo, Verb::Ehlo, Verb::Mail, Verb::Rcpt,
                             Verb::Data, Verb::Rset, Verb::Quit};
  return std::find(std::begin(kVerbs), std::end(kVerbs), verb) != std::end(kVerbs);
}

void check(const smtp::CommandError& error) {
  test::require(!error.text.empty() && error.text.size() < 100, "an error has a short text");
  test::require(std::all_of(error.text.begin(), error.text.end(),
                            [](char c) { return c >= ' ' && c < '\x7F'; }),
                "an error text is ASCII");
}

void check(smtp::Command command) {
  test::require(std::none_of(command.argument.begin(), command.argument.end(), is_control),
                "no control bytes in an argument");
  if (!goes_to_backends(command.verb)) {
    return;
  }
  const std::string wire = smtp::to_wire(command);
  test::require(wire.ends_with("\r\n"), "a command ends with CR LF");
  test::require(std::none_of(wire.begin(), wire.end() - 2, is_control), "and holds no other");
  test::require(wire.size() <= 4096, "a command is bounded");
  command.path.source_route.clear();
  const smtp::ParsedCommand again =
      smtp::parse_command(std::string_view(wire).substr(0, wire.size() - 2));
  test::require(again == smtp::ParsedCommand(command), "what is written reads the same again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = test::as_text(bytes, size).substr(0, 2048);
  std::visit([](const auto& parsed) { check(parsed); }, smtp::parse_command(text));
  test::require(smtp::is_xtext(smtp::xtext_encode(text)), "xtext is xtext");
  smtp::is_xtext(text);
  return 0;
}
