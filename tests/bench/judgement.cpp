// bench_judgement FOLDER [--messages] [--worst N [--answers FOLDER]]: how good are the name tests?
// Plays labelled records of real clients (judgement_records.hpp) through the real chain and the
// three postures. "Caught" is who is refused or deferred, since a bot does not come back and an
// honest server comes back with the same names. No DNS lists, no conduct: names alone.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "conf/base/text.hpp"
#include "conf/reader.hpp"
#include "dns/fake_resolver.hpp"
#include "filters/registry.hpp"
#include "filters/rulebook.hpp"
#include "tests/bench/judgement_count.hpp"
#include "tests/bench/judgement_records.hpp"

namespace smtpguard::bench {
namespace {

constexpr std::array<std::string_view, 3> kPostures{"lenient", "balanced", "strict"};
constexpr std::string_view kConfiguration = R"(
[recipients]
domains = ["guarded.net"]
[policy.lenient]
posture = "lenient"
[policy.balanced]
posture = "balanced"
[policy.strict]
posture = "strict"
)";

struct Options {
  std::string folder;
  std::string answers;
  std::size_t worst = 0;
  bool by_messages = false;
};

filters::Rulebook rulebook() {
  const auto document = conf::Document::parse(std::string(kConfiguration), "bench").value();
  conf::Reading reading(document);
  conf::Reader root = reading.root();
  filters::Rulebook rules = filters::read_rulebook(root, "mx.guarded.net");
  if (reading.report().has_errors()) {
    throw std::logic_error("the bench's configuration is bad");
  }
  return rules;
}

// One client, judged.
struct Case {
  Record record;
  filters::Findings failures;
  std::array<filters::Verdict, kPostures.size()> verdicts;

  bool is_caught(std::size_t posture) const { return verdicts[posture].refuses(); }
  // Has to come back, if its sender is of another domain.
  bool is_suspicious(std::size_t posture) const {
    const auto greylist =
        filters::thresholds_of(static_cast<filters::Posture>(posture + 1)).greylist;
    return !is_caught(posture) && greylist && verdicts[posture].score >= *greylist;
  }
};

filters::Verdict verdict_of(const filters::Rulebook& rules, std::size_t posture,
                            const filters::Findings& findings) {
  return filters::judge(rules.policies.find(kPostures[posture])->policy, {findings});
}

Case judge_record(const filters::Rulebook& rules, const Record& record) {
  const auto answers = dns::FakeAnswers::parse(answers_of(record)).value();
  filters::SessionFacts facts = facts_of(record);
  for (auto questions = rules.chain->wants(facts); !questions.empty();
       questions = rules.chain->wants(facts)) {
    for (const dns::Question& question : questions) {
      facts.dns.answer(question, answers.find(question).answer);
    }
  }
  Case judged;
  judged.record = record;
  const filters::Findings findings = rules.chain->judge(facts);
  for (const filters::Finding& finding : findings) {
    if (finding.outcome == filters::Outcome::Fail) {
      judged.failures.push_back(finding);
    }
  }
  for (std::size_t posture = 0; posture < kPostures.size(); ++posture) {
    judged.verdicts[posture] = verdict_of(rules, posture, findings);
  }
  return judged;
}

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options), rules_(rulebook()) {}

  bool load() {
    auto records = read_records(options_.folder);
    if (!records) {
      fmt::print(stderr, "bench_judgement: {}\n", records.error().text);
      return false;
    }
    if (records->empty()) {
      fmt::print(stderr,
                 "bench_judgement: no sessions-*.tsv in {}: the labelled records are not part of "
                 "this project\n(DATA=FOLDER names where they are); nothing was measured\n",
                 options_.folder);
      return false;
    }
    for (const Record& record : *records) {
      cases_.push_back(judge_record(rules_, record));
    }
    return true;
  }

  void tell_rates() const {
    fmt::print("Caught (refused or deferred), count, % of {}, 95 % interval (Wilson)\n\n",
               options_.by_messages ? "messages" : "distinct clients");
    fmt::print("{:36}{:>8}  {:24}{:24}{:24}\n", "corpus", "number", "lenient", "balanced",
               "strict");
    std::map<std::string, std::vector<const Case*>> rows;
    for (const Case& one : cases_) {
      const std::string side = one.record.is_abusive ? "abusive" : "legitimate";
      rows[fmt::format("{} {}{}", one.record.corpus, side,
                       one.record.has_rdns() ? "" : ", no rDNS recorded")]
          .push_back(&one);
    }
    for (const auto& [name, row] : rows) {
      tell_row(name, row);
    }
    fmt::print("\nTotals, of those whose rDNS is recorded\n");
    for (const bool is_recent : {false, true}) {
      for (const bool is_abusive : {false, true}) {
        tell_row(fmt::format("{}{}", is_abusive ? "abusive" : "legitimate",
                             is_recent ? ", 2015 and later" : ", all years"),
                 total(is_abusive, is_recent));
      }
    }
    fmt::print("\nSuspicious: greylisted, in the name of another domain than its own\n");
    for (const bool is_abusive : {false, true}) {
      fmt::print("{:44}  ", is_abusive ? "abusive, 2015 and later" : "legitimate, 2015 and later");
      for (std::size_t posture = 0; posture < kPostures.size(); ++posture) {
        Rate rate;
        for (const Case* one : total(is_abusive, true)) {
          rate.add(one->is_suspicious(posture), weight_of(*one));
        }
        fmt::print("{:24}", rate.to_string());
      }
      fmt::print("\n");
    }
  }

  void tell_tests() const {
    fmt::print(
        "\nPer test, clients of 2015 and later with recorded rDNS: fails; alone: no other test "
        "fails;\ndecides: without it the client would pass (balanced, strict)\n\n");
    fmt::print("{:24}{:26}{:24}{:>14}{:>16}{:>18}\n", "test", "abusive", "legitimate",
               "alone bad/good", "balanced +/-", "strict +/-");
    for (const filters::Test* test : filters::all_tests()) {
      tell_test(*test);
    }
  }

  void tell_overlap() const {
    const std::vector<const Case*> bad = total(true, true);
    std::vector<std::string_view> names;
    for (const filters::Test* test : filters::all_tests()) {
      if (std::any_of(bad.begin(), bad.end(),
                      [&](const Case* one) { return fails(*one, *test); })) {
        names.push_back(test->name);
      }
    }
    fmt::print("\nOverlap, abusive clients of 2015 and later: fail both tests\n\n{:27}", "");
    for (std::size_t i = 0; i < names.size(); ++i) {
      fmt::print("{:>5}", i + 1);
    }
    fmt::print("\n");
    for (std::size_t i = 0; i < names.size(); ++i) {
      fmt::print("{:>2} {:24}", i + 1, names[i]);
      for (std::size_t j = 0; j <= i; ++j) {
        fmt::print("{:>5}", std::count_if(bad.begin(), bad.end(), [&](const Case* one) {
                     return fails(*one, *filters::find_test(names[i])) &&
                            fails(*one, *filters::find_test(names[j]));
                   }));
      }
      fmt::print("\n");
    }
  }

  void tell_targets() const {
    struct Target {
      std::string_view what;
      Rate rate;
      bool is_limit;
      double percent;
    };
    const auto csdmc = [&] {
      std::vector<const Case*> chosen;
      for (const Case& one : cases_) {
        if (one.record.corpus == "csdmc" && one.record.is_abusive && one.record.has_rdns()) {
          chosen.push_back(&one);
        }
      }
      return chosen;
    }();
    const std::array targets{
        Target{"balanced, legitimate", caught(total(false, true), 1), true, 0.1},
        Target{"balanced, abusive", caught(total(true, true), 1), false, 15},
        Target{"strict, legitimate", caught(total(false, true), 2), true, 1},
        Target{"strict, abusive", caught(total(true, true), 2), false, 38},
        Target{"strict, csdmc", caught(csdmc, 2), false, 78},
    };
    fmt::print("\nTargets, 2015 and later (csdmc: 2006 to 2010)\n");
    for (const Target& target : targets) {
      const double percent = 100 * target.rate.share();
      const bool is_met = target.is_limit ? percent <= target.percent : percent >= target.percent;
      fmt::print("{:24}{} {:>4} %: {:.2f} %, {}\n", target.what,
                 target.is_limit ? "at most " : "at least", target.percent, percent,
                 is_met ? "met" : "MISSED");
    }
  }

  void tell_worst() const {
    std::vector<const Case*> worst;
    for (const Case* one : total(false, true)) {
      if (one->is_caught(1) || one->is_caught(2)) {
        worst.push_back(one);
      }
    }
    std::stable_sort(worst.begin(), worst.end(), [](const Case* a, const Case* b) {
      const auto key = [](const Case& one) {
        return std::tuple(one.verdicts[1].kind, one.verdicts[2].kind, one.verdicts[2].score,
                          one.record.messages);
      };
      return key(*a) > key(*b);
    });
    fmt::print("\nThe worst of {} legitimate clients that are caught\n", worst.size());
    for (std::size_t i = 0; i < std::min(options_.worst, worst.size()); ++i) {
      tell_case(*worst[i], i + 1);
    }
  }

 private:
  std::vector<const Case*> total(bool is_abusive, bool is_recent) const {
    std::vector<const Case*> chosen;
    for (const Case& one : cases_) {
      if (one.record.is_abusive == is_abusive && one.record.has_rdns() &&
          (!is_recent || one.record.year >= 2015)) {
        chosen.push_back(&one);
      }
    }
    return chosen;
  }

  std::uint64_t weight_of(const Case& one) const {
    return options_.by_messages ? one.record.messages : 1;
  }

  Rate caught(const std::vector<const Case*>& row, std::size_t posture) const {
    Rate rate;
    for (const Case* one : row) {
      rate.add(one->is_caught(posture), weight_of(*one));
    }
    return rate;
  }

  void tell_row(const std::string& name, const std::vector<const Case*>& row) const {
    fmt::print("{:36}{:>8}  ", name, caught(row, 0).of);
    for (std::size_t posture = 0; posture < kPostures.size(); ++posture) {
      fmt::print("{:24}", caught(row, posture).to_string());
    }
    fmt::print("\n");
  }

  static bool fails(const Case& one, const filters::Test& test) {
    return std::any_of(one.failures.begin(), one.failures.end(),
                       [&](const filters::Finding& finding) { return finding.test == &test; });
  }

  bool decides(const Case& one, const filters::Test& test, std::size_t posture) const {
    if (!one.is_caught(posture) || !fails(one, test)) {
      return false;
    }
    filters::Findings others;
    std::copy_if(one.failures.begin(), one.failures.end(), std::back_inserter(others),
                 [&](const filters::Finding& finding) { return finding.test != &test; });
    return !verdict_of(rules_, posture, others).refuses();
  }

  void tell_test(const filters::Test& test) const {
    std::array<Rate, 2> failed;
    std::array<std::uint64_t, 2> alone{};
    std::array<std::array<std::uint64_t, 2>, 3> deciding{};
    for (const bool is_abusive : {true, false}) {
      const std::size_t side = is_abusive ? 0 : 1;
      for (const Case* one : total(is_abusive, true)) {
        const bool is_failed = fails(*one, test);
        failed[side].add(is_failed, weight_of(*one));
        alone[side] += is_failed && one->failures.size() == 1 ? weight_of(*one) : 0;
        for (const std::size_t posture : {1U, 2U}) {
          deciding[posture][side] += decides(*one, test, posture) ? weight_of(*one) : 0;
        }
      }
    }
    if (failed[0].hits + failed[1].hits > 0) {
      fmt::print("{:24}{:26}{:24}{:>14}{:>16}{:>18}\n", test.name, failed[0].to_string(),
                 failed[1].to_string(), fmt::format("{}/{}", alone[0], alone[1]),
                 fmt::format("{}/{}", deciding[1][0], deciding[1][1]),
                 fmt::format("{}/{}", deciding[2][0], deciding[2][1]));
    }
  }

  void tell_case(const Case& one, std::size_t number) const {
    const Record& record = one.record;
    fmt::print("\n{}. {}, {}, {} messages: {} HELO {} rDNS {} {}\n", number, record.corpus,
               record.year, record.messages, record.client.to_string(), record.helo,
               record.rdns_status, record.rdns);
    for (std::size_t posture = 1; posture < kPostures.size(); ++posture) {
      const filters::Verdict& verdict = one.verdicts[posture];
      std::string reasons;
      for (const filters::Reason& reason : verdict.counted) {
        reasons += ' ' + to_string(reason);
      }
      fmt::print("   {:9}{} {}:{}\n", kPostures[posture], to_string(verdict.kind), verdict.score,
                 reasons);
    }
    if (!options_.answers.empty()) {
      const std::string path = fmt::format("{}/{}.txt", options_.answers, number);
      std::ofstream(path) << answers_of(record);
      fmt::print("   smtpguardctl test --answers {} --ip {} --helo {}\n", path,
                 record.client.to_string(), record.helo);
    }
  }

  Options options_;
  filters::Rulebook rules_;
  std::vector<Case> cases_;
};

// Nothing: that is no command of ours.
std::optional<Options> read_options(const std::vector<std::string>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool has_next = i + 1 < words.size();
    if (words[i] == "--messages") {
      options.by_messages = true;
    } else if (words[i] == "--worst" && has_next) {
      options.worst = static_cast<std::size_t>(parse_number(words[++i]).value_or(0));
    } else if (words[i] == "--answers" && has_next) {
      options.answers = words[++i];
    } else if (options.folder.empty() && !words[i].starts_with("--")) {
      options.folder = words[i];
    } else {
      return {};
    }
  }
  return options.folder.empty() ? std::nullopt : std::optional(options);
}

int run(const std::vector<std::string>& words) {
  const auto options = read_options(words);
  if (!options) {
    fmt::print(stderr,
               "usage: bench_judgement FOLDER [--messages] [--worst N [--answers FOLDER]]\n");
    return 2;
  }
  Bench bench(*options);
  if (!bench.load()) {
    return 0;
  }
  bench.tell_rates();
  bench.tell_tests();
  bench.tell_overlap();
  bench.tell_targets();
  if (options->worst > 0) {
    bench.tell_worst();
  }
  return 0;
}

}  // namespace
}  // namespace smtpguard::bench

int main(int argc, char** argv) {
  return smtpguard::bench::run(std::vector<std::string>(argv + 1, argv + argc));
}
