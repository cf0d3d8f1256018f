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

// Words end at any blank or control character: "AUTH\tPLAIN" is one as well.
bool is_blank(char c) {
  return static_cast<unsigned char>(c) <= ' ';
}

// The next word of `line` from `at` on, which is moved behind it.
std::string_view next_word(std::string_view line, std::size_t& at) {
  while (at < line.size() && is_blank(line[at])) {
    ++at;
  }
  const std::size_t begin = at;
  while (at < line.size() && !is_blank(line[at])) {
    ++at;
  }
  return line.substr(begin, at - begin);
}

template <std::size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view other) { return equals_ignoring_case(other, word); });
}

// Where the secret of one line begins; npos: it has none.
std::size_t secret_in(std::string_view line) {
  constexpr std::array kBeforeMechanism = std::to_array<std::string_view>({"AUTH", "AUTHENTICATE"});
  constexpr std::array kBeforeSecret = std::to_array<std::string_view>(
      {"PASS", "LOGIN", "APOP", "OPER", "Authorization:", "Proxy-Authorization:", "Cookie:"});
  std::size_t at = 0;
  // IMAP says a tag first.
  for (int i = 0; i < 2; ++i) {
    const std::string_view word = next_word(line, at);
    if (is_one_of(word, kBeforeMechanism)) {
      next_word(line, at);
      return at;
    }
    // "Authorization:Basic" needs no blank.
    const auto colon = word.find(':');
    if (is_one_of(word.substr(0, colon == std::string_view::npos ? colon : colon + 1),
                  kBeforeSecret)) {
      return colon == std::string_view::npos ? at : at - word.size() + colon + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace

bool learn_from_bytes(std::string_view bytes, filters::Misbehaviour& seen) {
  if (seen.foreign) {
    return false;
  }
  const std::string_view name = filters::recognise(bytes);
  if (name.empty()) {
    return false;
  }
  seen.foreign = filters::ForeignProtocol{
      std::string(name), std::string(without_secrets(bytes).substr(0, kKeptBytes))};
  return true;
}

void learn_from_bad_line(const BadLine& line, filters::Misbehaviour& seen) {
  seen.auth += line.verb == smtp::Verb::Auth ? 1U : 0U;
  seen.control_bytes += std::any_of(line.text.begin(), line.text.end(), is_control) ? 1U : 0U;
  if (line.verb != smtp::Verb::Unknown) {
    return;
  }
  ++seen.unknown_commands;
  if (learn_from_bytes(line.text, seen) || seen.message_line) {
    return;
  }
  // Of a message only the name of the field is told: its text is the recipient's alone.
  const std::string_view name = field_name(line.text);
  if (line.is_after_refused_data) {
    seen.message_line = std::string(name.empty() ? "text behind a refused DATA" : name);
  } else if (is_well_known_field(name)) {
    seen.message_line = std::string(name);
  }
}

std::string for_log(const BadLine& line, const filters::Misbehaviour& seen) {
  if (line.verb == smtp::Verb::Unknown && seen.message_line) {
    return std::string(kText);
  }
  // Who takes no answer to AUTH goes on with name and password.
  const bool may_be_secret = line.verb == smtp::Verb::Unknown && seen.auth != 0 &&
                             line.text.find(' ') == std::string_view::npos;
  return std::string(may_be_secret ? kNotShown : without_secrets(line.text));
}

std::string_view without_secrets(std::string_view bytes) {
  for (std::size_t begin = 0; begin < bytes.size();) {
    const std::size_t end = std::min(bytes.find_first_of("\r\n", begin), bytes.size());
    const std::string_view line = bytes.substr(begin, end - begin);
    if (equals_ignoring_case(line, "DATA")) {
      return bytes.substr(0, end);
    }
    const std::size_t secret = secret_in(line);
    if (secret != std::string_view::npos) {
      return bytes.substr(0, begin + secret);
    }
    begin = end + 1;
  }
  return bytes;
}

}  // namespace smtpguard::session
