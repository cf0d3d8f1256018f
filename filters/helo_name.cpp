#include "filters/helo_name.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "conf/base/text.hpp"
#include "filters/names.hpp"
#include "filters/site.hpp"

namespace smtpguard::filters {
namespace {

// Seen in front of many sites, from bots alone: fail2ban's and postscreen's logs of 2013 to 2025,
// rspamd's rule RCVD_HELO_USER, and the spam collections of 2009 to 2026 ("HELO helo").
constexpr std::array<std::string_view, 5> kBotNames{"user", "ylmf-pc", "helo", "ehlo", "abc"};

// RFC 2606, 6761, 6762, 7686, 8375, 9476; `internal` by ICANN's board in 2024; corp, home and mail,
// which ICANN will not delegate; and what devices and installers put behind a bare name.
constexpr std::array<std::string_view, 23> kReserved{"alt",
                                                     "arpa",
                                                     "corp",
                                                     "dom",
                                                     "domain",
                                                     "home",
                                                     "internal",
                                                     "intra",
                                                     "invalid",
                                                     "intranet",
                                                     "lan",
                                                     "loc",
                                                     "local",
                                                     "localdomain",
                                                     "localhost",
                                                     "localnet",
                                                     "mail",
                                                     "onion",
                                                     "openstacklocal",
                                                     "priv",
                                                     "private",
                                                     "test",
                                                     "workgroup"};

constexpr std::array<std::string_view, 4> kDocumentation{"example", "example.com", "example.net",
                                                         "example.org"};

// What spf.protection.outlook.com published by 2026-10. Of the legitimate clients that a list site
// could not find a reverse name for, six were among these.
constexpr std::array<std::string_view, 11> kOfMicrosoft{"40.92.0.0/15",
                                                        "40.107.0.0/16",
                                                        "52.100.0.0/15",
                                                        "52.102.0.0/16",
                                                        "52.103.0.0/17",
                                                        "104.47.0.0/17",
                                                        "2a01:111:f400::/48",
                                                        "2a01:111:f403::/49",
                                                        "2a01:111:f403:8000::/51",
                                                        "2a01:111:f403:c000::/51",
                                                        "2a01:111:f403:f000::/52"};

CidrSet networks_of(std::span<const std::string_view> texts) {
  std::vector<Cidr> networks;
  for (const std::string_view text : texts) {
    networks.push_back(Cidr::parse(text).value());
  }
  return CidrSet(std::move(networks));
}

const std::vector<Company>& companies() {
  static const std::vector<Company> all{
      {{"google.com", "gmail.com", "googlemail.com"}, {"google.com"}},
      {{"outlook.com", "hotmail.com", "live.com", "msn.com", "microsoft.com", "office365.com"},
       {"outlook.com", "hotmail.com", "live.com", "msn.com", "microsoft.com"},
       networks_of(kOfMicrosoft)},
      {{"yahoo.com", "ymail.com", "rocketmail.com", "aol.com"}, {"yahoo.com", "aol.com"}},
      {{"icloud.com", "me.com", "mac.com", "apple.com"},
       {"apple.com", "icloud.com", "me.com", "mac.com"}},
      {{"amazon.com", "amazonses.com"}, {"amazon.com", "amazonses.com"}},
      {{"facebook.com", "facebookmail.com"}, {"facebook.com", "facebookmail.com"}},
      {{"paypal.com"}, {"paypal.com"}},
      {{"linkedin.com"}, {"linkedin.com"}},
      {{"ebay.com"}, {"ebay.com"}},
      {{"github.com"}, {"github.com"}},
      {{"twitter.com"}, {"twitter.com"}},
  };
  return all;
}

template <typename Domains>
bool is_below_one_of(std::string_view name, const Domains& domains) {
  return std::any_of(domains.begin(), domains.end(),
                     [&](std::string_view domain) { return is_at_or_below(name, domain); });
}

template <typename Names>
bool is_one_of(std::string_view name, const Names& names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view candidate) {
    return equals_ignoring_case(name, candidate);
  });
}

// An address, or what stands where the world expects one: no top-level domain is a number.
bool is_numeric(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return name.find('.') != std::string_view::npos && !last.empty() &&
         std::all_of(last.begin(), last.end(), is_digit);
}

// "IPv6:2001:db8::1" and "2001:db8::1" alike.
std::optional<IpAddress> address_in(std::string_view text) {
  constexpr std::string_view kTag = "IPv6:";
  if (starts_with_ignoring_case(text, kTag)) {
    const auto address = IpAddress::parse(text.substr(kTag.size()));
    return address && text.find(':', kTag.size()) != std::string_view::npos ? address
                                                                            : std::nullopt;
  }
  return IpAddress::parse(text);
}

// A host has several addresses in its IPv6 network, and may speak from any of them. What it says
// in the other family of addresses cannot be held against this connection.
bool may_be_the_clients(const IpAddress& said, const IpAddress& client) {
  if (said.family() != client.family()) {
    return true;
  }
  return said == client || (said.is_v6() && said.prefix(64) == client.prefix(64));
}

bool is_ours(const IpAddress& address, const HeloContext& context) {
  return std::find(context.addresses.begin(), context.addresses.end(), address) !=
         context.addresses.end();
}

// Behind NAT our own address is one that many hosts have at once, perhaps the client too.
bool names_us(const IpAddress& address, const HeloContext& context) {
  return !is_private(address) && is_ours(address, context);
}

}  // namespace

std::optional<IpAddress> address_in_literal(std::string_view helo) {
  if (helo.size() < 2 || helo.front() != '[' || helo.back() != ']') {
    return {};
  }
  return address_in(helo.substr(1, helo.size() - 2));
}

HeloKind kind_of(std::string_view helo, const HeloContext& context) {
  // Who connects from an address of ours is this machine, whatever it calls itself.
  const bool is_this_machine = is_ours(context.client, context);
  if (helo.starts_with('[')) {
    const auto address = address_in_literal(helo);
    if (address && names_us(*address, context) && !is_this_machine) {
      return HeloKind::Self;
    }
    return address && may_be_the_clients(*address, context.client) ? HeloKind::Literal
                                                                   : HeloKind::WrongLiteral;
  }
  const std::string_view name = without_root_dot(helo);
  if (const auto address = address_in(name); address || is_numeric(name)) {
    return address && names_us(*address, context) && !is_this_machine ? HeloKind::Self
                                                                      : HeloKind::BareAddress;
  }
  if (equals_ignoring_case(name, context.hostname) && !is_this_machine) {
    return HeloKind::Self;
  }
  if (is_one_of(name, kBotNames) ||
      (context.bot_names != nullptr && is_one_of(name, *context.bot_names))) {
    return HeloKind::BotName;
  }
  if (!is_host_name(name)) {
    return HeloKind::Unqualified;
  }
  if (is_below_one_of(name, kDocumentation)) {
    return HeloKind::Documentation;
  }
  const bool is_dotted = name.find('.') != std::string_view::npos;
  if (is_below_one_of(name, kReserved) && (is_dotted || equals_ignoring_case(name, "localhost"))) {
    return HeloKind::Reserved;
  }
  return is_dotted ? HeloKind::Name : HeloKind::Unqualified;
}

const Company* company_of(std::string_view helo) {
  const auto& all = companies();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Company& company) {
    return is_below_one_of(helo, company.names);
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace smtpguard::filters
