#include "dns/dns_list.hpp"

#include <algorithm>
#include <optional>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"

namespace smtpguard::dns {
namespace {

using Part = std::bitset<256>;

constexpr std::size_t kMostPatternText = 200;
// Keys of Spamhaus DQS have 26 letters and digits, those of others more.
constexpr std::size_t kLeastKey = 26;

struct Meaning {
  std::string_view words;
  std::string_view remedy;
};

constexpr Meaning kTypingError{"there is no such list: a typing error in the zone",
                               "correct its name in the configuration"};
constexpr Meaning kPublicResolver{
    "the list does not answer public resolvers",
    "use a resolver of your own, such as unbound on 127.0.0.1, or a zone with your own key"};
constexpr Meaning kTooMany{"too many queries",
                           "get the list by subscription, or take it out of the configuration"};
constexpr Meaning kOtherError{"an error code of the list", "see the pages of the list"};
constexpr Meaning kBlocked{
    "the list refuses your resolver",
    "use a resolver of your own, such as unbound on 127.0.0.1; many queries need a subscription"};
constexpr Meaning kNoListing{
    "lists refuse by this code; it is no listing",
    "use a resolver of your own; a list that lists by it has to have it in `codes`"};
constexpr Meaning kAddressAsked{"the list is one of names, and was asked for an address",
                                "say about = [\"helo\", \"ptr\", \"sender\"] for it"};
constexpr Meaning kOutside{
    "not an answer of a list: its domain was given up, or the resolver invents answers",
    "see whether the list still exists; use a resolver of your own"};

std::optional<unsigned> octet(std::string_view text) {
  const auto number = parse_number(text);
  const bool is_good = number && *number <= 255 && text.size() <= 3;
  return is_good ? std::optional(static_cast<unsigned>(*number)) : std::nullopt;
}

// "7" or "2..11"
bool add_range(std::string_view text, Part& part) {
  const auto dots = text.find("..");
  const auto first = octet(text.substr(0, dots));
  const auto last = dots == std::string_view::npos ? first : octet(text.substr(dots + 2));
  if (!first || !last || *first > *last) {
    return false;
  }
  for (unsigned value = *first; value <= *last; ++value) {
    part.set(value);
  }
  return true;
}

// "7" or "[2;4;6..8]"
bool parse_part(std::string_view text, Part& part) {
  if (!text.starts_with('[')) {
    const auto value = octet(text);
    if (value) {
      part.set(*value);
    }
    return value.has_value();
  }
  if (!text.ends_with(']')) {
    return false;
  }
  text = text.substr(1, text.size() - 2);
  while (true) {
    const auto end = text.find(';');
    if (!add_range(text.substr(0, end), part)) {
      return false;
    }
    if (end == std::string_view::npos) {
      return true;
    }
    text.remove_prefix(end + 1);
  }
}

// Dots inside brackets do not end a part.
std::string_view cut_part(std::string_view& rest) {
  const std::size_t from = rest.starts_with('[') ? std::min(rest.find(']'), rest.size()) : 0;
  const auto end = rest.find('.', from);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

Error bad_pattern(std::string_view text, std::string_view why) {
  return Error{'"' + escape(text, kMostPatternText) + "\": " + std::string(why)};
}

bool is_error_code(const std::array<std::uint8_t, 16>& octets) {
  return octets[1] == 255 && octets[2] == 255;
}

// Nothing: a code like any other.
std::optional<Meaning> error_of(const IpAddress& code, bool is_counted, ListKind kind) {
  const auto& octets = code.bytes();
  if (!code.is_v4() || octets[0] != 127) {
    return kOutside;
  }
  if (is_error_code(octets)) {
    switch (octets[3]) {
      case 252:
        return kTypingError;
      case 254:
        return kPublicResolver;
      case 255:
        return kTooMany;
      default:
        return kOtherError;
    }
  }
  if (octets[1] == 0 && octets[2] == 1 && octets[3] == 255 && !is_counted) {
    return kAddressAsked;
  }
  if (octets[1] != 0 || octets[2] != 0) {
    return std::nullopt;
  }
  // "Blocked" for everybody may never be "trusted", whatever a pattern says.
  if (octets[3] == 255 && (kind == ListKind::Allow || !is_counted)) {
    return kBlocked;
  }
  if (octets[3] == 1 && !is_counted) {
    return kNoListing;
  }
  return std::nullopt;
}

bool is_key(std::string_view label) {
  return label.size() >= kLeastKey && std::all_of(label.begin(), label.end(), is_alnum);
}

std::string entry_name(EntryKind kind, char last, std::string_view zone) {
  // Written out: IpAddress turns ::ffff:127.0.0.x into IPv4.
  constexpr std::string_view kMapped =
      ".0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.";
  constexpr std::string_view kPlain = ".0.0.127.";
  return last + std::string(kind == EntryKind::Ipv4 ? kPlain : kMapped) + std::string(zone);
}

}  // namespace

Result<CodePattern> CodePattern::parse(std::string_view text) {
  if (text.size() > kMostPatternText) {
    return bad_pattern(text, "too long");
  }
  CodePattern pattern;
  pattern.text_ = text;
  std::string_view rest = text;
  std::size_t count = 0;
  for (; !rest.empty() && count < pattern.parts_.size(); ++count) {
    const bool is_last = count + 1 == pattern.parts_.size();
    std::string_view part = rest;
    if (is_last) {
      rest = {};
    } else {
      part = cut_part(rest);
    }
    if (!parse_part(part, pattern.parts_.at(count))) {
      return bad_pattern(text, "\"" + escape(part, kMostPatternText) +
                                   "\" is neither a number of 0 to 255, nor numbers and ranges in "
                                   "brackets such as [2;4;6..8]");
    }
  }
  if (count < pattern.parts_.size() || text.ends_with('.')) {
    return bad_pattern(text, "four parts are needed, such as 127.0.0.[2..11]");
  }
  Part loopback;
  loopback.set(127);
  if (pattern.parts_[0] != loopback) {
    return bad_pattern(text, "codes of lists begin with 127 (RFC 5782)");
  }
  if (pattern.parts_[1].test(255) && pattern.parts_[2].test(255)) {
    return bad_pattern(text, "127.255.255.* are error codes of lists, never listings");
  }
  return pattern;
}

bool CodePattern::matches(const IpAddress& code) const {
  if (!code.is_v4()) {
    return false;
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (!parts_.at(i).test(code.bytes().at(i))) {
      return false;
    }
  }
  return true;
}

const CodePattern& usual_codes() {
  static const CodePattern pattern = CodePattern::parse("127.0.0.[2..254]").value();
  return pattern;
}

ListAnswer judge_list(const Answer& answer, std::span<const CodePattern> counted, ListKind kind) {
  using Kind = ListAnswer::Kind;
  ListAnswer judged;
  judged.outcome = answer.outcome;
  if (is_trouble(answer.outcome)) {
    return judged;
  }
  judged.kind = Kind::NotListed;
  if (answer.addresses().empty()) {
    return judged;  // the usual case
  }
  std::vector<IpAddress> listed;
  std::vector<IpAddress> others;
  std::vector<IpAddress> errors;
  // Sorted: the order of an answer's records changes from one answer to the next.
  std::vector<IpAddress> codes = answer.addresses();
  std::sort(codes.begin(), codes.end());
  codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
  for (const IpAddress& code : codes) {
    const bool is_counted = std::any_of(counted.begin(), counted.end(),
                                        [&](const auto& pattern) { return pattern.matches(code); });
    if (const auto meaning = error_of(code, is_counted, kind)) {
      judged.meaning = errors.empty() ? meaning->words : judged.meaning;
      judged.remedy = errors.empty() ? meaning->remedy : judged.remedy;
      errors.push_back(code);
    } else {
      (is_counted ? listed : others).push_back(code);
    }
  }
  if (!errors.empty()) {
    judged.kind = Kind::Error;
    judged.codes = std::move(errors);
  } else {
    judged.kind = listed.empty() ? Kind::NotListed : Kind::Listed;
    judged.codes = std::move(listed.empty() ? others : listed);
  }
  return judged;
}

std::string test_name(EntryKind kind, std::string_view zone) {
  return kind == EntryKind::Name ? "invalid." + std::string(zone) : entry_name(kind, '1', zone);
}

std::string presence_name(EntryKind kind, std::string_view zone) {
  return kind == EntryKind::Name ? "test." + std::string(zone) : entry_name(kind, '2', zone);
}

std::string_view words_of_test_entry(EntryKind kind) {
  constexpr std::array<std::string_view, 3> kWords{"127.0.0.1", "::FFFF:7F00:1", "INVALID"};
  return kWords.at(static_cast<std::size_t>(kind));
}

std::string_view words_of_presence_entry(EntryKind kind) {
  constexpr std::array<std::string_view, 3> kWords{"127.0.0.2", "::FFFF:7F00:2", "TEST"};
  return kWords.at(static_cast<std::size_t>(kind));
}

std::string masked_zone(std::string_view zone) {
  constexpr std::string_view kByKey = ".dq.spamhaus.net";
  std::string shown;
  // KEY.zen.dq.spamhaus.net: whatever stands left of the list's own name is a key.
  if (zone.size() > kByKey.size() &&
      equals_ignoring_case(zone.substr(zone.size() - kByKey.size()), kByKey)) {
    const std::string_view left = zone.substr(0, zone.size() - kByKey.size());
    if (const auto dot = left.rfind('.'); dot != std::string_view::npos) {
      shown = "(key)";
      zone.remove_prefix(dot);
    }
  }
  while (!zone.empty()) {
    const auto end = std::min(zone.find('.'), zone.size());
    shown += is_key(zone.substr(0, end)) ? std::string_view("(key)") : zone.substr(0, end);
    zone.remove_prefix(end);
    if (!zone.empty()) {
      shown += '.';
      zone.remove_prefix(1);
    }
  }
  return shown;
}

}  // namespace smtpguard::dns
