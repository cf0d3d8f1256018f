// The words of [policy.NAME] that say what is done about findings.
#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "conf/reader.hpp"
#include "filters/policy.hpp"
#include "filters/registry.hpp"

namespace smtpguard::filters {
namespace {

// A reply line has 510 octets, and the reasons stand in it as well.
constexpr std::size_t kContactLimit = 200;

constexpr std::array<conf::Word<Posture>, 4> kPostures{{
    {"observe", Posture::Observe},
    {"lenient", Posture::Lenient},
    {"balanced", Posture::Balanced},
    {"strict", Posture::Strict},
}};

constexpr conf::Range<std::int32_t> kScores{0, 1000};
constexpr conf::Range<std::int32_t> kThresholds{1, 1000};

void read_threshold(conf::Reader& section, std::string_view key,
                    std::optional<std::int32_t>& threshold) {
  conf::Reader::WordOrScore value;
  const auto text_of = [](const std::optional<std::int32_t>& number) {
    return number ? std::to_string(*number) : std::string("\"never\"");
  };
  const std::string by_default = text_of(threshold);
  if (section.word_or_score(key, value, {"never"}, kThresholds)) {
    threshold = value.number;
  }
  section.note(key, text_of(threshold), by_default);
}

Thresholds read_thresholds(conf::Reader section, Thresholds thresholds) {
  read_threshold(section, "tag", thresholds.tag);
  read_threshold(section, "greylist", thresholds.greylist);
  read_threshold(section, "defer", thresholds.defer);
  read_threshold(section, "reject", thresholds.reject);
  read_threshold(section, "drop", thresholds.drop);
  if (thresholds.defer && thresholds.reject && *thresholds.defer > *thresholds.reject) {
    section.error("defer", "above \"reject\": nobody would ever be deferred");
  }
  if (thresholds.reject && thresholds.drop && *thresholds.reject > *thresholds.drop) {
    section.error("drop", "below \"reject\": nobody would ever be refused at RCPT");
  }
  return thresholds;
}

constexpr std::array<conf::Word<Mode>, 3> kOfFamilies{
    {{"score", Mode::Score}, {"observe", Mode::Observe}, {"off", Mode::Off}}};

std::string in_toml(const Weight& weight) {
  return weight.mode == Mode::Score ? std::to_string(weight.score)
                                    : fmt::format("\"{}\"", to_string(weight.mode));
}

Weight read_weight(conf::Reader& section, std::string_view key, Weight weight, bool is_family) {
  if (is_family) {
    section.word(key, weight.mode, kOfFamilies);
    return weight;
  }
  conf::Reader::WordOrScore value;
  const std::string by_default = in_toml(weight);
  section.note(key, by_default, by_default);
  if (!section.word_or_score(key, value, {"off", "observe", "require"}, kScores)) {
    return weight;
  }
  constexpr std::array kWords{kOff, kObserve, kRequire};
  weight = value.number ? points(*value.number) : kWords.at(value.word);
  section.note(key, in_toml(weight), by_default);
  return weight;
}

// A test that no setting can touch, all the same named in the file.
void refuse_weight_of(conf::Reader& section, const Test& test) {
  const auto dot = test.name.find('.');
  const std::string_view family = test.name.substr(0, dot);
  if (dot == std::string_view::npos || !section.has(family)) {
    return;
  }
  conf::Reader below = section.section(family);
  const std::string_view key = test.name.substr(dot + 1);
  if (!below.has(key)) {
    return;
  }
  conf::Reader::WordOrScore known;
  below.word_or_score(key, known, {"off", "observe", "require"}, kScores);
  below.error(key, family == "relay"
                       ? "refuses under every posture, and cannot be weighed; networks "
                         "that may relay through us stand in networks.relay"
                       : "cannot be weighed");
}

// "helo.unqualified" is the key `unqualified` of the table `helo`.
void read_tests(conf::Reader section, Policy& policy) {
  for (const Test* test : all_tests()) {
    if (test->is_fixed) {
      refuse_weight_of(section, *test);
      continue;
    }
    const auto dot = test->name.find('.');
    const Weight before = weight_in(*test, policy.posture());
    Weight weight = before;
    if (dot == std::string_view::npos) {
      weight = read_weight(section, test->name, before, test->is_family);
    } else {
      conf::Reader below = section.section(test->name.substr(0, dot));
      weight = read_weight(below, test->name.substr(dot + 1), before, test->is_family);
    }
    if (weight != before) {
      policy.set_weight(*test, weight);
    }
  }
}

}  // namespace

std::string_view to_string(Posture posture) {
  for (const auto& word : kPostures) {
    if (word.value == posture) {
      return word.text;
    }
  }
  return "?";
}

Policy read_policy(conf::Reader& section) {
  Posture posture = Posture::Lenient;
  section.word("posture", posture, kPostures);
  Policy policy(posture);
  bool is_soft = false;
  section.boolean("soft", is_soft);
  policy.set_soft(is_soft);
  std::string contact;
  section.string("contact", contact);
  if (contact.size() > kContactLimit) {
    section.error("contact", fmt::format("has {} octets; at most {}, so that a refusal with its "
                                         "reasons fits into one line",
                                         contact.size(), kContactLimit));
    contact.clear();
  }
  policy.set_contact(contact);
  policy.set_thresholds(read_thresholds(section.section("thresholds"), policy.thresholds()));
  read_tests(section.section("tests"), policy);
  return policy;
}

}  // namespace smtpguard::filters
