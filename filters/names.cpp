#include "filters/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "conf/base/text.hpp"
#include "filters/public_suffix.hpp"

namespace smtpguard::filters {
namespace {

// Words for a line or a machine that anybody may rent, in the names that providers give it.
constexpr std::array<std::string_view, 43> kGenericWords{
    "adsl",   "broadband", "bband",    "bbcust", "cable",    "cablemodem", "catv",   "cdma",
    "client", "clients",   "cpe",      "cust",   "customer", "customers",  "dhcp",   "dial",
    "dialin", "dialup",    "dip",      "dsl",    "dyn",      "dynamic",    "dynip",  "fbx",
    "ftth",   "gprs",      "homeuser", "hsd",    "kabel",    "lte",        "mobile", "modem",
    "pool",   "pools",     "ppp",      "pppoe",  "pptp",     "res",        "user",   "vdsl",
    "wifi",   "wireless",  "xdsl"};

// Whoever gave such a name meant the machine to send mail.
constexpr std::array<std::string_view, 7> kServingWords{"business", "mx",    "mxout", "out",
                                                        "outbound", "relay", "static"};
constexpr std::array<std::string_view, 3> kServingParts{"mail", "mta", "smtp"};

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

template <typename Belongs>
std::vector<std::string_view> runs_of(std::string_view text, Belongs belongs) {
  std::vector<std::string_view> runs;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin;
    while (end < text.size() && belongs(text[end])) {
      ++end;
    }
    if (end > begin) {
      runs.push_back(text.substr(begin, end - begin));
    }
    begin = end + 1;
  }
  return runs;
}

bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}

// Four octets in a row, such as 192-0-2-9: somebody's address, if not the client's; empty: none.
std::string quad_in(std::string_view name) {
  for (const std::string_view piece :
       runs_of(name, [](char c) { return is_digit(c) || c == '-' || c == '.' || c == '_'; })) {
    const std::vector<std::string_view> numbers = runs_of(piece, is_digit);
    const bool is_quad = numbers.size() == 4 &&
                         std::all_of(numbers.begin(), numbers.end(), [](std::string_view number) {
                           return number.size() <= 3 && parse_number(number).value_or(256) < 256;
                         });
    if (is_quad) {
      return fmt::format("{}", fmt::join(numbers, "-"));
    }
  }
  return {};
}

// "host-3-4.dsl" of "host-3-4.dsl.example.net", in lower case.
std::string host_part(std::string_view name) {
  const std::string_view organisation = organisational_domain(name, Suffixes::Registries);
  if (organisation.empty() || organisation.size() == name.size()) {
    return {};
  }
  return to_lower(name.substr(0, name.size() - organisation.size() - 1));
}

bool serves(const std::vector<std::string_view>& words) {
  return std::any_of(words.begin(), words.end(), [](std::string_view word) {
    return holds(kServingWords, word) ||
           std::any_of(kServingParts.begin(), kServingParts.end(), [&](std::string_view part) {
             return word.find(part) != std::string_view::npos;
           });
  });
}

template <typename Number>
bool holds_run(const std::vector<Number>& numbers, const std::vector<Number>& run) {
  return std::search(numbers.begin(), numbers.end(), run.begin(), run.end()) != numbers.end();
}

// Three octets that follow each other, in the order of the address or backwards; all of them in
// one run of digits or hexadecimal digits.
bool holds_v4(std::string_view host, const IpAddress& address) {
  std::vector<std::uint64_t> octets(address.bytes().begin(), address.bytes().begin() + 4);
  std::vector<std::uint64_t> numbers;
  for (const std::string_view run : runs_of(host, is_digit)) {
    numbers.push_back(parse_number(run.substr(0, 18)).value_or(0));
  }
  for (int turn = 0; turn < 2; ++turn) {
    const std::string padded =
        fmt::format("{:03}{:03}{:03}{:03}", octets[0], octets[1], octets[2], octets[3]);
    const std::string hex =
        fmt::format("{:02x}{:02x}{:02x}{:02x}", octets[0], octets[1], octets[2], octets[3]);
    if (holds_run(numbers, {octets[0], octets[1], octets[2]}) ||
        holds_run(numbers, {octets[1], octets[2], octets[3]}) ||
        host.find(padded) != std::string_view::npos || host.find(hex) != std::string_view::npos) {
      return true;
    }
    std::reverse(octets.begin(), octets.end());
  }
  return false;
}

// Four groups that follow each other, or half of the nibbles in one piece, forwards or backwards.
bool holds_v6(std::string_view host, const IpAddress& address) {
  std::vector<std::uint32_t> groups;
  std::string nibbles;
  for (std::size_t i = 0; i < 16; i += 2) {
    groups.push_back(address.bytes()[i] * 256U + address.bytes()[i + 1]);
    nibbles += fmt::format("{:04x}", groups.back());
  }
  std::vector<std::uint32_t> numbers;
  std::string flat;
  for (const std::string_view run : runs_of(host, is_hex_digit)) {
    std::uint32_t number = 0;
    for (const char c : run.substr(0, 4)) {
      number = number * 16U + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    numbers.push_back(run.size() <= 4 ? number : 0x10000U);
    flat += run;
  }
  for (std::size_t i = 0; i + 4 <= groups.size(); ++i) {
    const std::vector<std::uint32_t> four(groups.begin() + static_cast<std::ptrdiff_t>(i),
                                          groups.begin() + static_cast<std::ptrdiff_t>(i) + 4);
    const auto zeros = std::count(four.begin(), four.end(), 0U);
    if (zeros < 2 && holds_run(numbers, four)) {
      return true;
    }
  }
  for (int turn = 0; turn < 2; ++turn) {
    for (const std::size_t half : {0U, 16U}) {
      const std::string piece = nibbles.substr(half, 16);
      if (std::count(piece.begin(), piece.end(), '0') < 10 &&
          flat.find(piece) != std::string::npos) {
        return true;
      }
    }
    std::reverse(nibbles.begin(), nibbles.end());
  }
  return false;
}

}  // namespace

std::string_view without_root_dot(std::string_view name) {
  return name.size() > 1 && name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

bool is_at_or_below(std::string_view name, std::string_view domain) {
  if (domain.empty() || name.size() < domain.size() ||
      !equals_ignoring_case(name.substr(name.size() - domain.size()), domain)) {
    return false;
  }
  return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

bool is_same_organisation(std::string_view a, std::string_view b) {
  if (equals_ignoring_case(a, b)) {
    return true;
  }
  const std::string_view of_a = organisational_domain(a, Suffixes::All);
  return !of_a.empty() && equals_ignoring_case(of_a, organisational_domain(b, Suffixes::All));
}

std::string generic_sign(std::string_view name, const IpAddress& address) {
  const std::string host = host_part(name);
  const std::vector<std::string_view> words = runs_of(host, is_alpha);
  if (host.empty() || serves(words)) {
    return {};
  }
  // The address is looked for in the whole name: there are domains such as ip-192-0-2.example.
  const std::string whole = to_lower(name);
  if (address.is_v4() ? holds_v4(whole, address) : holds_v6(whole, address)) {
    return address.to_string();
  }
  if (std::string quad = quad_in(whole); !quad.empty()) {
    return quad;
  }
  const auto word = std::find_if(words.begin(), words.end(), [](std::string_view candidate) {
    return holds(kGenericWords, candidate);
  });
  return word == words.end() ? std::string() : std::string(*word);
}

}  // namespace smtpguard::filters
