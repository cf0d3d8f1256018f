#include "proxy/smtp/trace_header.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "conf/base/text.hpp"

namespace smtpguard::smtp {

namespace {

// RFC 5321 4.1.3: IPv6 literals carry their tag.
std::string literal(const IpAddress& address) {
  return fmt::format("[{}{}]", address.is_v6() ? "IPv6:" : "", address.to_string());
}

bool is_literal(std::string_view helo) {
  if (helo.size() < 3 || helo.front() != '[' || helo.back() != ']') {
    return false;
  }
  std::string_view inside = helo.substr(1, helo.size() - 2);
  if (starts_with_ignoring_case(inside, "IPv6:")) {
    inside.remove_prefix(5);
  }
  return IpAddress::parse(inside).has_value();
}

std::string_view protocol(const TraceFacts& facts) {
  if (!facts.is_esmtp) {
    return "SMTP";
  }
  return facts.tls != nullptr ? "ESMTPS" : "ESMTP";
}

std::string tls_comment(const TraceFacts& facts) {
  return facts.tls == nullptr ? std::string()
                              : fmt::format(" ({} {})", facts.tls->protocol, facts.tls->cipher);
}

}  // namespace

std::string build_trace_header(const TraceFacts& facts) {
  const bool is_name = is_host_name(facts.helo) || is_literal(facts.helo);
  return fmt::format(
      "Received: from {} ({})\r\n\tby {} (smtpguard) with {} id {}{}; {:%a, %d %b %Y %T} +0000\r\n",
      is_name ? facts.helo : "unknown", literal(facts.client), facts.hostname, protocol(facts),
      facts.session_id, tls_comment(facts), fmt::gmtime(facts.when));
}

}  // namespace smtpguard::smtp
