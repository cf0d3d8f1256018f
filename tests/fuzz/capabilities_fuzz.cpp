// Whatever a backend says behind EHLO, and whatever parameters a client says then: our own EHLO
// lines are of the known kind, and a parameter passes only if its extension was offered.
#include "proxy/smtp/capabilities.hpp"

#include <algorithm>

#include "proxy/smtp/server_parameters.hpp"
#include "tests/fuzz/fuzz_support.hpp"

namespace {

using namespace smtpguard;

bool is_known_line(const std::string& line) {
  constexpr std::string_view kKnown[] = {"8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES",
                                         "PIPELINING"};
  const bool is_size =
      line.starts_with("SIZE ") &&
      std::all_of(line.begin() + 5, line.end(), [](char c) { return c >= '0' && c <= '9'; });
  return is_size || std::find(std::begin(kKnown), std::end(kKnown), line) != std::end(kKnown);
}

void check_parameters(const smtp::Command& command, const smtp::Offer& offer) {
  const bool is_mail = command.verb == smtp::Verb::Mail;
  for (const bool is_esmtp : {true, false}) {
    const auto refusal = is_mail ? smtp::check_mail(command, offer, is_esmtp)
                                 : smtp::check_rcpt(command, offer, is_esmtp, true);
    if (refusal) {
      test::require(refusal->is_permanent_failure(), "a refusal is a refusal");
      continue;
    }
    test::require(is_esmtp || command.parameters.empty(), "HELO has no parameters");
    const smtp::Capabilities& offered = offer.capabilities;
    for (const smtp::Parameter& parameter : command.parameters) {
      const std::string& word = parameter.keyword;
      const bool is_offered = word == "SIZE" || (word == "BODY" && offered.eight_bit_mime) ||
                              (word == "SMTPUTF8" && offered.smtp_utf8) || offered.dsn;
      test::require(is_offered, "only what was offered");
    }
  }
}

}  // namespace

// Lines; the last one is a command of the client, the others the backend's EHLO answer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::vector<std::string> lines(1);
  for (const char c : test::as_text(bytes, size)) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  const std::string command_line = lines.back();
  lines.pop_back();
  smtp::Offer offer;
  offer.capabilities = smtp::parse_capabilities(lines);
  offer.message_size = offer.capabilities.size;
  offer.pipelining = size % 2 == 0;
  const auto offered = smtp::offered_lines(offer);
  test::require(std::all_of(offered.begin(), offered.end(), is_known_line),
                "we offer what we know");

  const smtp::ParsedCommand parsed = smtp::parse_command(command_line);
  const auto* command = std::get_if<smtp::Command>(&parsed);
  if (command != nullptr &&
      (command->verb == smtp::Verb::Mail || command->verb == smtp::Verb::Rcpt)) {
    check_parameters(*command, offer);
  }
  return 0;
}
