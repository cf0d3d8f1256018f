#include "proxy/smtp/xclient.hpp"

#include <array>
#include <cstddef>
#include <utility>

#include "conf/base/text.hpp"
#include "proxy/smtp/command.hpp"

namespace smtpguard::smtp {
namespace {

constexpr std::string_view kVerb = "XCLIENT";
constexpr std::size_t kLineLimit = 510;  // 512 with CR LF

struct Attribute {
  std::string_view name;
  std::string value;  // xtext; empty: nothing is known, so nothing is said
};

bool is_offered(std::string_view offered, std::string_view name) {
  while (!offered.empty()) {
    const std::size_t end = offered.find(' ');
    if (equals_ignoring_case(offered.substr(0, end), name)) {
      return true;
    }
    offered.remove_prefix(end == std::string_view::npos ? offered.size() : end + 1);
  }
  return false;
}

std::string address_value(const IpAddress& address) {
  return (address.is_v6() ? "IPV6:" : "") + address.to_string();
}

// A PTR answer is attacker text: nginx put its CR LF into this very command (CVE-2026-28753). What
// is not a host name is told as unknown.
std::string name_value(const XclientFacts& facts) {
  if (is_host_name(facts.name)) {
    return facts.name;
  }
  return facts.name_is_temporarily_unknown ? "[TEMPUNAVAIL]" : "[UNAVAILABLE]";
}

}  // namespace

std::vector<std::string> build_xclient(const XclientFacts& facts, std::string_view offered) {
  std::vector<std::string> commands;
  if (!is_offered(offered, "ADDR")) {
    return commands;
  }
  const auto wanted = std::to_array<Attribute>({
      {"PROTO", facts.is_esmtp ? "ESMTP" : "SMTP"},
      {"HELO", xtext_encode(facts.helo)},
      {"DESTADDR", address_value(facts.destination.address)},
      {"DESTPORT", std::to_string(facts.destination.port)},
      {"REVERSE_NAME", is_host_name(facts.reverse_name) ? facts.reverse_name : std::string()},
      {"PORT", std::to_string(facts.client.port)},
      {"NAME", name_value(facts)},
      {"ADDR", address_value(facts.client.address)},
  });
  std::string line(kVerb);
  for (const Attribute& attribute : wanted) {
    const std::size_t length = 1 + attribute.name.size() + 1 + attribute.value.size();
    // A HELO of 255 plus signs is 765 octets of xtext: left out, for EHLO says it again.
    if (attribute.value.empty() || !is_offered(offered, attribute.name) ||
        kVerb.size() + length > kLineLimit) {
      continue;
    }
    if (line.size() + length > kLineLimit) {
      commands.push_back(std::exchange(line, std::string(kVerb)) + "\r\n");
    }
    line += ' ';
    line += attribute.name;
    line += '=';
    line += attribute.value;
  }
  commands.push_back(line + "\r\n");
  return commands;
}

}  // namespace smtpguard::smtp
