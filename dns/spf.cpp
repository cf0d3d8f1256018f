#include "dns/spf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"

namespace smtpguard::dns {
namespace {

constexpr std::string_view kVersion = "v=spf1";

using Kind = SpfTerm::Kind;

// A mechanism in its parts: "a:mail.example.org/24//64".
struct Parts {
  std::string_view name;
  std::string_view value;    // behind ":", up to the lengths
  std::string_view lengths;  // "/24//64", with what is before them cut off
  bool has_value = false;
};

// An IPv6 address has colons, so that only the first one parts.
Parts split(std::string_view term) {
  Parts parts;
  const auto end = term.find_first_of(":/");
  parts.name = term.substr(0, end);
  if (end == std::string_view::npos) {
    return parts;
  }
  std::string_view rest = term.substr(end);
  if (rest.front() == ':') {
    rest.remove_prefix(1);
    parts.has_value = true;
    // A macro may have slashes; that one is not read any further.
    const auto slash = rest.find('/');
    parts.value = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash, rest.size()));
  }
  parts.lengths = rest;
  return parts;
}

std::optional<int> parse_length(std::string_view text, std::uint64_t longest) {
  const auto number = parse_number(text);
  return number && *number <= longest ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

// "/24", "//64", "/24//64" or nothing.
bool read_lengths(std::string_view text, SpfTerm& term) {
  const auto both = text.find("//");
  const std::string_view first = text.substr(0, both);
  if (!first.empty()) {
    const auto length = parse_length(first.substr(1), 32);
    if (!length) {
      return false;
    }
    term.length4 = *length;
  }
  if (both != std::string_view::npos) {
    const auto length = parse_length(text.substr(both + 2), 128);
    if (!length) {
      return false;
    }
    term.length6 = *length;
  }
  return true;
}

bool has_macro(std::string_view text) {
  return text.find('%') != std::string_view::npos;
}

std::optional<std::string> read_domain(std::string_view text) {
  if (text.ends_with('.')) {
    text.remove_suffix(1);
  }
  if (!is_host_name(text) || text.find('.') == std::string_view::npos) {
    return {};
  }
  return to_lower(text);
}

// Bits behind the prefix are no error here (RFC 7208 5.6).
bool read_network(const Parts& parts, IpAddress::Family family, SpfTerm& term) {
  const auto address = IpAddress::parse(parts.value);
  if (!address || address->family() != family) {
    return false;
  }
  int length = address->bit_length();
  if (!parts.lengths.empty()) {
    const auto said = parse_length(parts.lengths.substr(1), static_cast<std::uint64_t>(length));
    if (!said) {
      return false;
    }
    length = *said;
  }
  term.kind = Kind::Network;
  term.network = {address->prefix(length), length};
  return true;
}

bool read_hosts(const Parts& parts, Kind kind, SpfTerm& term) {
  term.kind = kind;
  if (parts.has_value) {
    auto domain = read_domain(parts.value);
    if (!domain) {
      return false;
    }
    term.domain = std::move(*domain);
  }
  return kind == Kind::Include ? parts.has_value && parts.lengths.empty()
                               : read_lengths(parts.lengths, term);
}

bool read_mechanism(std::string_view text, SpfTerm& term) {
  const Parts parts = split(text);
  const std::string name = to_lower(parts.name);
  if (name == "all") {
    return !parts.has_value && parts.lengths.empty();
  }
  if (name == "ip4") {
    return read_network(parts, IpAddress::Family::V4, term);
  }
  if (name == "ip6") {
    return read_network(parts, IpAddress::Family::V6, term);
  }
  const bool is_known = name == "a" || name == "mx" || name == "include";
  if (name == "exists" || name == "ptr" || (is_known && has_macro(text))) {
    term.kind = Kind::Unknowable;
    return true;
  }
  return is_known && read_hosts(parts,
                                name == "a"    ? Kind::Address
                                : name == "mx" ? Kind::Exchangers
                                               : Kind::Include,
                                term);
}

// "redirect=example.org", "exp=...": a name, and "=" before any ":" or "/".
std::optional<std::pair<std::string, std::string_view>> split_modifier(std::string_view text) {
  const auto end = text.find_first_of("=:/");
  if (end == std::string_view::npos || end == 0 || text[end] != '=') {
    return {};
  }
  return std::pair(to_lower(text.substr(0, end)), text.substr(end + 1));
}

Error bad_term(std::string_view term) {
  return Error{fmt::format("its SPF record has \"{}\"", escape(term, 80))};
}

}  // namespace

bool is_spf(std::string_view text) {
  return starts_with_ignoring_case(text, kVersion) &&
         (text.size() == kVersion.size() || text[kVersion.size()] == ' ');
}

Result<SpfRecord> parse_spf(std::string_view text) {
  if (!is_spf(text)) {
    return Error{"no SPF record"};
  }
  SpfRecord record;
  bool has_redirect = false;
  std::string_view rest = text.substr(kVersion.size());
  while (!rest.empty()) {
    const auto blank = rest.find(' ');
    std::string_view word = rest.substr(0, blank);
    rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
    if (word.empty()) {
      continue;
    }
    if (const auto modifier = split_modifier(word)) {
      if (modifier->first == "redirect") {
        auto domain = read_domain(modifier->second);
        if (std::exchange(has_redirect, true) || (!domain && !has_macro(modifier->second))) {
          return bad_term(word);
        }
        record.redirect = std::move(domain).value_or("");
      }
      continue;
    }
    SpfTerm term;
    const std::string_view whole = word;
    if (std::string_view("+-~?").find(word.front()) != std::string_view::npos) {
      term.passes = word.front() == '+';
      word.remove_prefix(1);
    }
    if (!read_mechanism(word, term)) {
      return bad_term(whole);
    }
    if (record.terms.size() == kMostSpfTerms) {
      return Error{"its SPF record is too long"};
    }
    record.terms.push_back(std::move(term));
  }
  return record;
}

}  // namespace smtpguard::dns
