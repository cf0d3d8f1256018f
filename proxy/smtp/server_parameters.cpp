#include "proxy/smtp/server_parameters.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "conf/base/text.hpp"

namespace smtpguard::smtp {

namespace {

constexpr std::size_t kEnvidLimit = 100;  // RFC 3461 4.4
constexpr std::size_t kOrcptLimit = 500;  // RFC 3461 4.2

Reply not_recognised() {
  return make_reply(555, "5.5.4", "parameter not recognized or not offered here");
}

Reply bad_value(std::string_view keyword) {
  return make_reply(501, "5.5.4", fmt::format("{} has a bad value", keyword));
}

bool is_notify(std::string_view value) {
  if (equals_ignoring_case(value, "NEVER")) {
    return true;
  }
  while (true) {
    const auto comma = value.find(',');
    const std::string_view word = value.substr(0, comma);
    if (!equals_ignoring_case(word, "SUCCESS") && !equals_ignoring_case(word, "FAILURE") &&
        !equals_ignoring_case(word, "DELAY")) {
      return false;
    }
    if (comma == std::string_view::npos) {
      return true;
    }
    value.remove_prefix(comma + 1);
  }
}

// "rfc822;user+40example.org". Of RFC 6533's utf-8 forms only those in ASCII get here: the command
// parser takes no other bytes in values.
bool is_orcpt(std::string_view value) {
  const auto semicolon = value.find(';');
  if (semicolon == 0 || semicolon == std::string_view::npos || value.size() > kOrcptLimit) {
    return false;
  }
  const auto is_atom = [](char c) { return is_alnum(c) || c == '-'; };
  if (!std::all_of(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(semicolon),
                   is_atom)) {
    return false;
  }
  return starts_with_ignoring_case(value, "utf-8;") || is_xtext(value.substr(semicolon + 1));
}

std::optional<Reply> check_size(const Parameter& size, const Offer& offer) {
  const auto octets = parse_number(size.value);
  if (!octets) {
    return bad_value("SIZE");
  }
  if (offer.message_size != 0 && *octets > offer.message_size) {
    return make_reply(552, "5.3.4",
                      fmt::format("message too big: the limit is {} octets", offer.message_size));
  }
  return std::nullopt;
}

std::optional<Reply> check_mail_parameter(const Parameter& parameter, const Offer& offer) {
  const Capabilities& offered = offer.capabilities;
  if (parameter.keyword == "SIZE") {
    return check_size(parameter, offer);
  }
  if (parameter.keyword == "BODY" && offered.eight_bit_mime) {
    const bool known = equals_ignoring_case(parameter.value, "7BIT") ||
                       equals_ignoring_case(parameter.value, "8BITMIME");
    return known ? std::nullopt : std::optional(bad_value("BODY"));
  }
  if (parameter.keyword == "SMTPUTF8" && offered.smtp_utf8) {
    return parameter.value.empty() ? std::nullopt : std::optional(bad_value("SMTPUTF8"));
  }
  if (parameter.keyword == "RET" && offered.dsn) {
    const bool known = equals_ignoring_case(parameter.value, "FULL") ||
                       equals_ignoring_case(parameter.value, "HDRS");
    return known ? std::nullopt : std::optional(bad_value("RET"));
  }
  if (parameter.keyword == "ENVID" && offered.dsn) {
    const bool good = !parameter.value.empty() && parameter.value.size() <= kEnvidLimit &&
                      is_xtext(parameter.value);
    return good ? std::nullopt : std::optional(bad_value("ENVID"));
  }
  return not_recognised();
}

std::optional<Reply> check_rcpt_parameter(const Parameter& parameter, const Offer& offer) {
  if (parameter.keyword == "NOTIFY" && offer.capabilities.dsn) {
    return is_notify(parameter.value) ? std::nullopt : std::optional(bad_value("NOTIFY"));
  }
  if (parameter.keyword == "ORCPT" && offer.capabilities.dsn) {
    return is_orcpt(parameter.value) ? std::nullopt : std::optional(bad_value("ORCPT"));
  }
  return not_recognised();
}

std::optional<Reply> check_list(const std::vector<Parameter>& parameters, bool is_esmtp) {
  if (!parameters.empty() && !is_esmtp) {
    return make_reply(555, "5.5.4", "parameters need EHLO, not HELO");
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> offered_lines(const Offer& offer) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("SIZE {}", offer.message_size));
  if (offer.capabilities.eight_bit_mime) {
    lines.emplace_back("8BITMIME");
  }
  if (offer.capabilities.smtp_utf8) {
    lines.emplace_back("SMTPUTF8");
  }
  if (offer.capabilities.dsn) {
    lines.emplace_back("DSN");
  }
  if (offer.capabilities.enhanced_status_codes) {
    lines.emplace_back("ENHANCEDSTATUSCODES");
  }
  if (offer.pipelining) {
    lines.emplace_back("PIPELINING");
  }
  if (offer.start_tls == StartTls::Offered) {
    lines.emplace_back("STARTTLS");
  }
  return lines;
}

bool has_parameter(const Command& command, std::string_view keyword) {
  return std::any_of(
      command.parameters.begin(), command.parameters.end(),
      [keyword](const Parameter& parameter) { return parameter.keyword == keyword; });
}

bool announces_eight_bit(const Command& mail) {
  return std::any_of(
      mail.parameters.begin(), mail.parameters.end(), [](const Parameter& parameter) {
        return parameter.keyword == "SMTPUTF8" ||
               (parameter.keyword == "BODY" && equals_ignoring_case(parameter.value, "8BITMIME"));
      });
}

std::optional<Reply> check_mail(const Command& mail, const Offer& offer, bool is_esmtp) {
  if (auto refusal = check_list(mail.parameters, is_esmtp)) {
    return refusal;
  }
  for (const Parameter& parameter : mail.parameters) {
    if (auto refusal = check_mail_parameter(parameter, offer)) {
      return refusal;
    }
  }
  if (mail.path.has_utf8() && !has_parameter(mail, "SMTPUTF8")) {
    return make_reply(553, "5.6.7", "an address that is not ASCII needs SMTPUTF8");
  }
  return std::nullopt;
}

std::optional<Reply> check_rcpt(const Command& rcpt, const Offer& offer, bool is_esmtp,
                                bool utf8_allowed) {
  if (auto refusal = check_list(rcpt.parameters, is_esmtp)) {
    return refusal;
  }
  for (const Parameter& parameter : rcpt.parameters) {
    if (auto refusal = check_rcpt_parameter(parameter, offer)) {
      return refusal;
    }
  }
  if (rcpt.path.has_utf8() && !utf8_allowed) {
    return make_reply(553, "5.6.7", "an address that is not ASCII needs SMTPUTF8");
  }
  return std::nullopt;
}

}  // namespace smtpguard::smtp
