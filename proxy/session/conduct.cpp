#include "proxy/session/conduct.hpp"

#include <algorithm>
#include <array>

#include "conf/base/text.hpp"
#include "filters/protocol_recogniser.hpp"

namespace smtpguard::session {

namespace {

constexpr std::size_t kKeptBytes = 100;
constexpr std::string_view kNotShown = "(not shown)";
constexpr std::string_view kText = "(text of a message)";

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool is_field_name_character(char c) {
  return c > ' ' && c < 0x7f && c != ':';
}

// "Subject:"; empty: the line does not look like one of a message's header.
std::string_view field_name(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0 ||
      !std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(colon),
                   is_field_name_character)) {
    return {};
  }
  return line.substr(0, colon + 1);
}

// What nearly every message has, so that one line is enough to know it by.
bool is_well_known_field(std::string_view name) {
  constexpr std::array kNames = std::to_array<std::string_view>(
      {"From:", "To:", "Cc:", "Subject:", "Date:", "Message-ID:", "Received:", "Return-Path:",
       "Reply-To:", "Sender:", "MIME-Version:", "Content-Type:", "Content-Transfer-Encoding:",
       "DKIM-Signature:", "X-Mailer:"});
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view known) { return equals_ignoring_case(known, name); });
}

}  // namespace

bool learn_from_bytes(std::string_view bytes, filters::Misbehaviour& seen) {
  if (!seen.foreign_protocol.empty()) {
    return false;
  }
  const std::string_view name = filters::recognise(bytes);
  if (name.empty()) {
    return false;
  }
  seen.foreign_protocol = name;
  seen.foreign_bytes = bytes.substr(0, kKeptBytes);
  return true;
}

void learn_from_bad_line(const BadLine& line, filters::Misbehaviour& seen) {
  seen.auth += line.verb == smtp::Verb::Auth ? 1U : 0U;
  seen.control_bytes += std::any_of(line.text.begin(), line.text.end(), is_control) ? 1U : 0U;
  if (line.verb != smtp::Verb::Unknown) {
    return;
  }
  ++seen.unknown_commands;
  if (learn_from_bytes(line.text, seen) || !seen.message_line.empty()) {
    return;
  }
  // Of a message only the name of the field is told: its text is the recipient's alone.
  const std::string_view name = field_name(line.text);
  if (line.is_after_refused_data) {
    seen.message_line = name.empty() ? "text behind a refused DATA" : name;
  } else if (is_well_known_field(name)) {
    seen.message_line = name;
  }
}

std::string for_log(const BadLine& line, const filters::Misbehaviour& seen) {
  if (line.verb == smtp::Verb::Auth) {
    // "AUTH LOGIN secret"
    const auto mechanism = line.text.find(' ');
    const auto secret =
        mechanism == std::string_view::npos ? mechanism : line.text.find(' ', mechanism + 1);
    return std::string(line.text.substr(0, secret));
  }
  if (line.verb == smtp::Verb::Unknown && !seen.message_line.empty()) {
    return std::string(kText);
  }
  // Who takes no answer to AUTH goes on with name and password.
  const bool may_be_secret = line.verb == smtp::Verb::Unknown && seen.auth != 0 &&
                             line.text.find(' ') == std::string_view::npos;
  return std::string(may_be_secret ? kNotShown : line.text);
}

}  // namespace smtpguard::session
