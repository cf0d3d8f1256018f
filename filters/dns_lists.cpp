#include "filters/dns_lists.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"
#include "conf/reader.hpp"
#include "dns/known_lists.hpp"
#include "dns/settings.hpp"
#include "filters/dns_lists_known.hpp"

namespace smtpguard::filters {
namespace {

using dns::ListKind;

constexpr std::size_t kMostLists = 20;
// 32 nibbles with their dots stand in front of a zone (RFC 1035 3.1: 253 octets of text).
constexpr std::size_t kLongestZone = 253 - 64;
constexpr std::size_t kLongestLabel = 40;
constexpr std::int32_t kUsualScore = 4;
constexpr conf::Range<std::int32_t> kScores{1, 1000};
constexpr std::string_view kCodeForm =
    "a code, its score and a meaning, such as \"127.0.0.2\", \"127.0.0.[4..7] 8\", "
    "\"127.0.0.[10..11] 6 dynamic\"";

bool check_zone(conf::Reader& section, std::string_view key, conf::Place place,
                const std::string& zone) {
  if (!is_host_name(zone) || zone.find('.') == std::string::npos || IpAddress::parse(zone)) {
    section.error(key, place,
                  '"' + escape(dns::masked_zone(zone)) +
                      "\" is no zone; expected: the name of a list, such as "
                      "\"zen.spamhaus.org\"");
    return false;
  }
  if (zone.size() > kLongestZone) {
    section.error(key, place, "too long: no address fits in front of it");
    return false;
  }
  return true;
}

// What works, but not as it is meant.
void warn_of(conf::Reader& section, std::string_view key, conf::Place place, const DnsList& list,
             std::string_view public_operator) {
  if (const auto when = dns::retirement(list.zone); !when.empty()) {
    section.warning(key, place,
                    fmt::format("{} was {}; such lists list nobody, or everybody: take it out",
                                list.shown_zone, when));
  }
  if (!public_operator.empty() && dns::refuses_public_resolvers(list.zone)) {
    section.warning(key, place,
                    fmt::format("{} does not answer the public resolver of {}; use one of your "
                                "own, such as unbound on 127.0.0.1, or a zone with your own key",
                                list.shown_zone, public_operator));
  }
}

// Empty unless all our questions pass through a resolver for the whole world.
std::string_view public_operator_of(conf::Reader& root) {
  conf::Reader section = root.section("dns");
  std::string answers;
  if (section.file_path("answers", answers) && !answers.empty()) {
    return {};  // nobody is asked
  }
  std::string_view name;
  for (const Endpoint& server : dns::read_servers(section)) {
    name = dns::public_operator(server.address);
    if (name.empty()) {
      return {};
    }
  }
  return name;
}

// "127.0.0.[4..7] 8 XBL (exploit)"
bool parse_code(std::string_view text, DnsList& list, std::int32_t usual_score) {
  const auto cut = [&text] {
    text = trim(text);
    const auto end = std::min(text.find_first_of(" \t"), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
  };
  auto pattern = dns::CodePattern::parse(cut());
  if (!pattern) {
    return false;
  }
  std::int32_t score = usual_score;
  if (const auto word = cut(); !word.empty()) {
    const auto number = parse_number(word);
    if (!number || *number < static_cast<std::uint64_t>(kScores.least) ||
        *number > static_cast<std::uint64_t>(kScores.most)) {
      return false;
    }
    score = static_cast<std::int32_t>(*number);
  }
  add_code(list, std::move(*pattern), list.kind == ListKind::Allow ? -score : score,
           std::string(trim(text)));
  return true;
}

constexpr std::array<conf::Word<ListKind>, 2> kKinds{
    {{"block", ListKind::Block}, {"allow", ListKind::Allow}}};
constexpr std::array<conf::Word<Mode>, 4> kModes{{{"score", Mode::Score},
                                                  {"observe", Mode::Observe},
                                                  {"require", Mode::Require},
                                                  {"off", Mode::Off}}};

constexpr std::string_view kAboutForm =
    "\"address\", or one or more of \"helo\", \"ptr\", \"sender\" for a list of names";

void read_about(conf::Reader& section, DnsList& list) {
  const auto words = section.strings("about");
  if (words.empty()) {
    return;
  }
  bool has_address = false;
  list.has_helo = list.has_ptr = list.has_sender = false;
  for (const auto& word : words) {
    bool* const known = word.value == "address"  ? &has_address
                        : word.value == "helo"   ? &list.has_helo
                        : word.value == "ptr"    ? &list.has_ptr
                        : word.value == "sender" ? &list.has_sender
                                                 : nullptr;
    if (known == nullptr) {
      section.refuse("about", word, kAboutForm, {"address", "helo", "ptr", "sender"});
    } else {
      *known = true;
    }
  }
  if (has_address && list.is_of_names()) {
    section.error("about", "a list has addresses or names, not both: codes mean other things");
  }
  if (list.kind == ListKind::Allow && (list.has_helo || list.has_sender)) {
    section.error("about",
                  "anybody can say any HELO and any sender: of a list of good names only "
                  "\"ptr\", which is confirmed, can count");
  }
}

void read_ipv6_nibbles(conf::Reader& section, DnsList& list) {
  section.integer("ipv6_nibbles", list.ipv6_nibbles, conf::Range<std::size_t>{8, 32});
  if (list.ipv6_nibbles < 32 && !list.has_ipv4 && list.is_self_tested) {
    section.error("ipv6_nibbles",
                  "below 32 the IPv6 test entry cannot be asked for: say self_test = false");
  }
}

void read_codes(conf::Reader& section, DnsList& list, ListKind known_kind) {
  std::int32_t score = kUsualScore;
  const bool has_score = section.score("score", score, kScores);
  const auto codes = section.strings("codes");
  if (!codes.empty() || has_score || list.kind != known_kind) {
    list.codes.clear();
    list.worths.clear();
  }
  for (const auto& code : codes) {
    if (!parse_code(code.value, list, score)) {
      section.refuse("codes", code, kCodeForm);
    }
  }
  if (list.codes.empty()) {
    add_code(list, dns::usual_codes(), list.kind == ListKind::Allow ? -score : score, "");
  }
}

// One [[dnsbl.list]]; nothing if it cannot be asked.
std::optional<DnsList> read_list(conf::Reader& section) {
  std::string zone;
  section.require("zone", "the name of a list, such as \"zen.spamhaus.org\"");
  const bool is_zone =
      section.string("zone", zone) && check_zone(section, "zone", section.place("zone"), zone);
  DnsList list = known_list(zone);
  const ListKind known_kind = list.kind;
  section.word("kind", list.kind, kKinds);
  section.word("mode", list.mode, kModes);
  if (section.string("label", list.label) &&
      (!is_host_name(list.label) || list.label.size() > kLongestLabel)) {
    section.error("label", "bad label; allowed: 1 to 40 letters, digits, hyphens, dots");
  }
  read_codes(section, list, known_kind);
  section.boolean("ipv4", list.has_ipv4);
  section.boolean("ipv6", list.has_ipv6);
  read_about(section, list);
  section.boolean("self_test", list.is_self_tested);
  section.string("listed_entry", list.listed_entry);
  read_ipv6_nibbles(section, list);
  section.string("help", list.help);
  if (list.kind == ListKind::Allow && list.mode == Mode::Require) {
    section.error("mode", "\"require\" is for lists that block: nobody has to be on a list");
  }
  return is_zone ? std::optional(std::move(list)) : std::nullopt;
}

}  // namespace

std::int32_t DnsList::least_score() const {
  std::int32_t least = 0;
  for (const Worth& worth : worths) {
    least = std::min(least, worth.score);
  }
  return mode == Mode::Score ? least : 0;
}

std::vector<dns::EntryKind> DnsList::entry_kinds() const {
  if (is_of_names()) {
    return {dns::EntryKind::Name};
  }
  std::vector<dns::EntryKind> kinds;
  const bool tells_ipv6 = has_ipv6 && ipv6_nibbles == 32;
  if (has_ipv4 || !tells_ipv6) {
    kinds.push_back(dns::EntryKind::Ipv4);
  }
  if (tells_ipv6) {
    kinds.push_back(dns::EntryKind::Ipv6);
  }
  return kinds;
}

dns::EntryKind DnsList::kind_for(IpAddress::Family family) const {
  const auto kinds = entry_kinds();
  return family == IpAddress::Family::V6 ? kinds.back() : kinds.front();
}

std::string DnsList::presence_name(dns::EntryKind entries) const {
  const bool is_usual = listed_entry.empty() || entries == dns::EntryKind::Ipv6;
  return is_usual ? dns::presence_name(entries, zone) : listed_entry + '.' + zone;
}

std::string DnsList::help_for(const IpAddress& client) const {
  std::string text = help;
  if (const auto place = text.find("%s"); place != std::string::npos) {
    text.replace(place, 2, client.to_string());
  }
  return text;
}

std::vector<DnsList> read_dns_lists(conf::Reader& root) {
  const std::string_view public_operator = public_operator_of(root);
  conf::Reader section = root.section("dnsbl");
  std::vector<DnsList> lists;
  const auto add = [&](conf::Reader& where, std::string_view key, conf::Place place, DnsList list) {
    const bool is_taken = std::any_of(lists.begin(), lists.end(), [&](const DnsList& other) {
      return other.zone == list.zone || equals_ignoring_case(other.label, list.label);
    });
    if (is_taken) {
      where.error(key, place, fmt::format("{} ({}) is there twice", list.shown_zone, list.label));
    } else if (lists.size() == kMostLists) {
      where.error(key, place, fmt::format("more than {} lists", kMostLists));
    } else {
      warn_of(where, key, place, list, public_operator);
      lists.push_back(std::move(list));
    }
  };
  for (const auto& zone : section.strings("zones")) {
    if (check_zone(section, "zones", zone.place, zone.value)) {
      DnsList list = known_list(zone.value);
      if (list.codes.empty()) {
        add_code(list, dns::usual_codes(), kUsualScore, "");
      }
      add(section, "zones", zone.place, std::move(list));
    }
  }
  for (conf::Reader& one : section.sections("list")) {
    if (auto list = read_list(one)) {
      const conf::Place place = one.place("zone");
      add(one, "zone", place, std::move(*list));
    }
  }
  lists.erase(std::remove_if(lists.begin(), lists.end(),
                             [](const DnsList& list) { return list.mode == Mode::Off; }),
              lists.end());
  return lists;
}

ListOpinion opinion_of(const DnsList& list, const dns::Answer& answer) {
  using Kind = dns::ListAnswer::Kind;
  ListOpinion opinion;
  opinion.answer = dns::judge_list(answer, list.codes, list.kind);
  switch (opinion.answer.kind) {
    case Kind::NotListed:
      return opinion;
    case Kind::Trouble:
      opinion.words = dns::to_string(opinion.answer.outcome);
      return opinion;
    case Kind::Error:
      opinion.words =
          fmt::format("{}: {}", opinion.answer.codes.front().to_string(), opinion.answer.meaning);
      return opinion;
    case Kind::Listed:
      break;
  }
  const bool is_allow = list.kind == ListKind::Allow;
  for (const IpAddress& code : opinion.answer.codes) {
    const auto pattern = std::find_if(list.codes.begin(), list.codes.end(),
                                      [&](const auto& one) { return one.matches(code); });
    const auto& worth = list.worths.at(static_cast<std::size_t>(pattern - list.codes.begin()));
    opinion.score =
        is_allow ? std::min(opinion.score, worth.score) : std::max(opinion.score, worth.score);
    std::string_view meaning = worth.meaning;
    if (meaning.empty()) {
      meaning = dns::known_meaning(list.zone, code);
    }
    opinion.words += fmt::format("{}{}{}{}", opinion.words.empty() ? "" : ", ", code.to_string(),
                                 meaning.empty() ? "" : " ", meaning);
  }
  return opinion;
}

std::string masked_name(std::string_view name, const std::vector<DnsList>& lists) {
  for (const DnsList& list : lists) {
    const bool lies_in = name.size() > list.zone.size() && name.ends_with(list.zone) &&
                         name[name.size() - list.zone.size() - 1] == '.';
    if (lies_in) {
      return std::string(name.substr(0, name.size() - list.zone.size())) + list.shown_zone;
    }
  }
  return std::string(name);
}

}  // namespace smtpguard::filters
