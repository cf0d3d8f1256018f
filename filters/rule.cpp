// rule — the administrator's own patterns: does what is known of this session match one of them?
// Patterns are RE2's, which never take more than linear time, whatever a client says. All patterns
// of a rule must match; one that begins with "!" must not.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/base/text.hpp"
#include "conf/reader.hpp"
#include "filters/filter.hpp"
#include "filters/recipients.hpp"
#include "filters/reverse.hpp"

namespace smtpguard::filters {
namespace {

// What a rule says weighs what the rule weighs; here stands only that rules count.
constexpr std::array kTests{Test{
    .name = "rule",
    .lenient = points(0),
    .balanced = points(0),
    .strict = points(0),
    .says = "a rule of this site",
    .is_family = true,
}};
constexpr const Test& kTest = kTests[0];

constexpr std::size_t kMostRules = 100;
constexpr std::size_t kLongestPattern = 1000;
constexpr std::size_t kLongestText = 300;
// Of one pattern, compiled and at work; what needs more is told, or works slower.
constexpr std::int64_t kPatternMemory = 128 * 1024;
constexpr conf::Range<std::int32_t> kScores{-1000, 1000};

enum class Action : std::uint8_t { Score, Observe, Refuse, Drop, Discard, Off };
constexpr std::array<conf::Word<Action>, 6> kActions{{
    {"score", Action::Score},
    {"observe", Action::Observe},
    {"refuse", Action::Refuse},
    {"drop", Action::Drop},
    {"discard", Action::Discard},
    {"off", Action::Off},
}};

enum class Fact : std::uint8_t { Client, Asn, Ptr, Helo, Sender, Recipient };
struct FactKey {
  std::string_view key;
  Fact fact;
};
constexpr std::array kFacts{FactKey{"client", Fact::Client}, FactKey{"asn", Fact::Asn},
                            FactKey{"ptr", Fact::Ptr},       FactKey{"helo", Fact::Helo},
                            FactKey{"sender", Fact::Sender}, FactKey{"recipient", Fact::Recipient}};

// How far a fact is known.
struct Known {
  enum class State : std::uint8_t { Open, Unknown, Known };
  State state = State::Open;
  std::vector<std::string> texts;  // an address may have several names; those there are so far
};

Known known(std::string text) {
  return {Known::State::Known, {std::move(text)}};
}

Known known_address(const Mailbox& mailbox) {
  Mailbox compared = mailbox;
  compared.local_part = canonical_local_part(mailbox.local_part);
  return known(compared.address());
}

Known known_names(const SessionFacts& facts) {
  ReverseNames names = reverse_names_of(facts);
  if (!names.is_complete) {
    const bool is_open = !reverse_of(facts);
    return {is_open ? Known::State::Open : Known::State::Unknown, std::move(names.confirmed)};
  }
  return names.confirmed.empty() ? known(std::string())
                                 : Known{Known::State::Known, std::move(names.confirmed)};
}

// "64500 Example Inc." for each, and "" for an address that nobody announces.
Known known_origin(const Origin& origin) {
  switch (origin.state) {
    case Origin::State::Open:
      return {};
    case Origin::State::Unknown:
      return {Known::State::Unknown, {}};
    case Origin::State::Known:
      break;
  }
  std::vector<std::string> texts;
  for (const std::uint32_t number : origin.numbers) {
    texts.push_back(origin.name.empty() ? std::to_string(number)
                                        : fmt::format("{} {}", number, origin.name));
  }
  return texts.empty() ? known(std::string()) : Known{Known::State::Known, std::move(texts)};
}

Known fact_of(Fact fact, const SessionFacts& facts, const OriginSources* origins) {
  switch (fact) {
    case Fact::Asn:
      return known_origin(origin_of(origins, facts));
    case Fact::Client:
      return known(facts.client.address.to_string());
    case Fact::Ptr:
      return known_names(facts);
    case Fact::Helo:
      return facts.helo.empty() ? Known{} : known(facts.helo);
    case Fact::Sender:
      return facts.sender ? known_address(*facts.sender) : Known{};
    case Fact::Recipient:
      return facts.recipient ? known_address(*facts.recipient) : Known{};
  }
  return {};
}

struct Pattern {
  FactKey about;
  bool is_negated = false;
  std::unique_ptr<const RE2> expression;

  // The first text with the expression in it, or null.
  const std::string* find(const std::vector<std::string>& texts) const {
    const auto found = std::find_if(texts.begin(), texts.end(), [this](const std::string& text) {
      return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression);
    });
    return found == texts.end() ? nullptr : &*found;
  }
};

// What came of a rule. Known with an empty text: it does not match.
struct Matched {
  Known::State state = Known::State::Known;
  std::string text;
};

struct Rule {
  std::string name;
  std::string says;
  Action action = Action::Score;
  std::int32_t score = 0;
  std::vector<Pattern> patterns;

  bool looks_at(Fact fact) const {
    return std::any_of(patterns.begin(), patterns.end(),
                       [fact](const Pattern& pattern) { return pattern.about.fact == fact; });
  }
};

// Facts are bytes of strangers, not always UTF-8.
RE2::Options options() {
  RE2::Options options(RE2::Latin1);
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemory);
  return options;
}

std::string why(const RE2& expression) {
  const std::string& where = expression.error_arg();
  return where.empty() ? expression.error() : fmt::format("{} ({})", expression.error(), where);
}

void read_pattern(conf::Reader& section, const FactKey& about, Rule& rule) {
  std::string text;
  if (!section.string(about.key, text)) {
    return;
  }
  Pattern pattern{about, text.starts_with('!'), nullptr};
  const std::string_view body = std::string_view(text).substr(pattern.is_negated ? 1 : 0);
  if (body.empty() || body.size() > kLongestPattern) {
    section.error(about.key, fmt::format("found {} characters; allowed: a pattern of 1 to {}",
                                         body.size(), kLongestPattern));
    return;
  }
  pattern.expression =
      std::make_unique<const RE2>(re2::StringPiece(body.data(), body.size()), options());
  if (!pattern.expression->ok()) {
    section.error(about.key, fmt::format("found \"{}\", which is no pattern of RE2: {}", text,
                                         why(*pattern.expression)));
    return;
  }
  rule.patterns.push_back(std::move(pattern));
}

bool is_label(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '_';
  });
}

// It stands in replies.
bool is_sayable(std::string_view text) {
  return text.size() <= kLongestText &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

Rule read_rule(conf::Reader& section) {
  Rule rule;
  if (section.require("name", "a short name for log and replies, such as \"windows-names\"") &&
      section.string("name", rule.name) && !is_label(rule.name)) {
    section.error("name", fmt::format("found \"{}\"; allowed: 1 to 32 letters, digits, hyphens, "
                                      "underscores",
                                      rule.name));
  }
  bool has_pattern = false;
  for (const FactKey& about : kFacts) {
    has_pattern = has_pattern || section.has(about.key);
    read_pattern(section, about, rule);
  }
  if (!has_pattern) {
    section.error("", "no pattern; expected one of client, asn, ptr, helo, sender, recipient");
  }
  const bool is_action_good = section.word("action", rule.action, kActions);
  const bool has_score = section.score("score", rule.score, kScores);
  const bool is_to_score =
      rule.action == Action::Score && (is_action_good || !section.has("action"));
  if (is_to_score && !has_score && !section.has("score")) {
    section.error("score",
                  "missing; expected: what the rule adds to the sum (below 0: takes "
                  "from it), or an action such as \"refuse\"");
  }
  section.string("text", rule.says);
  if (!is_sayable(rule.says)) {
    section.error("text", fmt::format("allowed: at most {} printable ASCII characters, for the "
                                      "sender",
                                      kLongestText));
    rule.says.clear();
  }
  return rule;
}

class Rules final : public Filter {
 public:
  Rules(std::vector<Rule> rules, std::shared_ptr<const OriginSources> origins)
      : rules_(std::move(rules)), origins_(std::move(origins)) {}

  void wants(const SessionFacts& facts, std::vector<dns::Question>& questions) const override {
    if (std::any_of(rules_.begin(), rules_.end(),
                    [](const Rule& rule) { return rule.looks_at(Fact::Ptr); })) {
      want_reverse(facts, questions);
    }
    if (std::any_of(rules_.begin(), rules_.end(),
                    [](const Rule& rule) { return rule.looks_at(Fact::Asn); })) {
      want_origin(origins_.get(), facts, questions);
    }
  }

  void judge(const SessionFacts& facts, Findings& findings) const override {
    for (const Rule& rule : rules_) {
      apply(rule, facts, findings);
    }
  }

  bool may_end_session(const SessionFacts& /*facts*/) const override {
    return std::any_of(rules_.begin(), rules_.end(), [](const Rule& rule) {
      return rule.action == Action::Drop || rule.action == Action::Discard;
    });
  }

  std::int32_t hope(const SessionFacts& facts) const override {
    std::int32_t sum = 0;
    for (const Rule& rule : rules_) {
      const bool may_save = rule.action == Action::Score && rule.score < 0;
      if (may_save && match(rule, facts).state == Known::State::Open) {
        sum += rule.score;
      }
    }
    return sum;
  }

 private:
  Matched match(const Rule& rule, const SessionFacts& facts) const {
    Matched all;
    for (const Pattern& pattern : rule.patterns) {
      const Known fact = fact_of(pattern.about.fact, facts, origins_.get());
      const std::string* found = pattern.find(fact.texts);
      const bool is_decided = found != nullptr || fact.state == Known::State::Known;
      if (is_decided && (found != nullptr) == pattern.is_negated) {
        return {};  // whatever the others would say
      }
      if (!is_decided) {
        // An open answer may still become trouble; trouble stays.
        all.state = all.state == Known::State::Open ? all.state : fact.state;
        continue;
      }
      all.text +=
          fmt::format("{}{}={}", all.text.empty() ? "" : " ", pattern.about.key,
                      found != nullptr ? *found : fmt::to_string(fmt::join(fact.texts, ",")));
    }
    return all;
  }

  void apply(const Rule& rule, const SessionFacts& facts, Findings& findings) const {
    Matched matched = match(rule, facts);
    Finding finding;
    finding.test = &kTest;
    finding.label = rule.name;
    finding.about = rule.looks_at(Fact::Recipient) ? Test::About::Recipient
                    : rule.looks_at(Fact::Sender)  ? Test::About::Sender
                                                   : Test::About::Client;
    if (matched.state == Known::State::Unknown) {
      finding.outcome = Outcome::TempError;
      finding.detail = rule.looks_at(Fact::Asn)
                           ? "the name or network of the client could not be looked up"
                           : "the name of the client could not be looked up";
      findings.push_back(std::move(finding));
      return;
    }
    if (matched.state == Known::State::Open || matched.text.empty()) {
      return;
    }
    finding.outcome = Outcome::Fail;
    finding.detail = std::move(matched.text);
    finding.says = rule.says;
    switch (rule.action) {
      case Action::Score:
        finding.outcome = rule.score < 0 ? Outcome::Pass : Outcome::Fail;
        finding.weight = points(rule.score);
        break;
      case Action::Observe:
        finding.weight = Weight{Mode::Observe, std::max(0, rule.score)};
        break;
      case Action::Refuse:
        finding.weight = kRequire;
        break;
      case Action::Drop:
        finding.weight = kRequire;
        finding.effect = Test::Effect::AtOnce;
        break;
      case Action::Discard:
        finding.weight = kRequire;
        finding.effect = Test::Effect::Discards;
        break;
      case Action::Off:
        return;
    }
    findings.push_back(std::move(finding));
  }

  std::vector<Rule> rules_;
  std::shared_ptr<const OriginSources> origins_;  // shared with the access lists; or null
};

std::vector<Rule> read_rules(conf::Reader& root, const Site& site) {
  std::vector<Rule> rules;
  std::vector<conf::Reader> sections = root.sections("rule");
  if (sections.size() > kMostRules) {
    sections[kMostRules].error("", fmt::format("more than {} rules", kMostRules));
    sections.erase(sections.begin() + kMostRules, sections.end());
  }
  for (conf::Reader& section : sections) {
    Rule rule = read_rule(section);
    if (rule.looks_at(Fact::Asn) && site.access.origins == nullptr) {
      section.error("asn", "needs asn.file, or asn.cymru = true, to know the number of a client");
    }
    const bool is_taken = std::any_of(rules.begin(), rules.end(), [&](const Rule& other) {
      return equals_ignoring_case(other.name, rule.name);
    });
    if (is_taken && !rule.name.empty()) {
      section.error("name", fmt::format("\"{}\" is taken by another rule", rule.name));
    }
    rules.push_back(std::move(rule));
  }
  std::erase_if(
      rules, [](const Rule& rule) { return rule.action == Action::Off || rule.patterns.empty(); });
  return rules;
}

}  // namespace

extern const FilterKind kRule;
const FilterKind kRule{"rule", FilterKind::Scope::Visitors, kTests,
                       [](conf::Reader& root, const Site& site) -> std::unique_ptr<const Filter> {
                         return std::make_unique<Rules>(read_rules(root, site),
                                                        site.access.origins);
                       }};

}  // namespace smtpguard::filters
