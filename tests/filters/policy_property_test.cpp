// What must hold of every verdict, against random findings and policies. The seed is told with a
// failure; SMTPGUARD_SEED repeats it.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>
#include <string>

#include "filters/policy.hpp"

namespace smtpguard::filters {
namespace {

using About = Test::About;
using Effect = Test::Effect;

constexpr int kCases = 4000;

constexpr Test make(std::string_view name, Weight lenient, Weight balanced, Weight strict,
                    About about = About::Client, Effect effect = Effect::AtRecipient) {
  return {.name = name,
          .lenient = lenient,
          .balanced = balanced,
          .strict = strict,
          .says = "a fault",
          .mend = "mend it",
          .about = about,
          .effect = effect};
}

constexpr Test relay_test() {
  Test test = make("relay.foreign", kRequire, kRequire, kRequire, About::Recipient);
  test.is_fixed = true;
  return test;
}

constexpr Test family_test() {
  Test test = make("list", points(0), points(0), points(0));
  test.is_family = true;
  return test;
}

constexpr Test said_test(std::string_view name, Effect effect) {
  Test test = make(name, kObserve, kObserve, kObserve, About::Client, effect);
  test.is_fixed = true;
  return test;
}

constexpr std::array kTests{
    make("a.small", kObserve, points(2), points(3)),
    make("a.large", points(6), kRequire, kRequire),
    make("b.score", points(4), points(6), kRequire),
    make("b.off", kOff, points(1), points(1)),
    make("c.sender", points(1), points(3), kRequire, About::Sender),
    make("c.recipient", kObserve, points(5), kRequire, About::Recipient),
    make("d.at_once", kRequire, kRequire, kRequire, About::Client, Effect::AtOnce),
    make("d.discard", kRequire, kRequire, kRequire, About::Sender, Effect::Discards),
    family_test(),
    relay_test(),
    said_test("access.observe", Effect::Observes),
    said_test("access.allow", Effect::Allows),
};
constexpr std::size_t kFamily = 8;

unsigned seed() {
  static const unsigned kSeed = [] {
    const char* given = std::getenv("SMTPGUARD_SEED");
    return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                            : std::random_device{}();
  }();
  return kSeed;
}

class PolicyProperty : public testing::Test {
 protected:
  PolicyProperty() : random_(seed()) { RecordProperty("seed", std::to_string(seed())); }

  int below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(random_); }
  bool is_one_in(int n) { return below(n) == 0; }

  Outcome any_outcome() {
    return std::array{Outcome::Pass, Outcome::Fail, Outcome::Fail, Outcome::Skip,
                      Outcome::TempError}[static_cast<std::size_t>(below(5))];
  }

  Weight any_weight() {
    switch (below(5)) {
      case 0:
        return kOff;
      case 1:
        return kObserve;
      case 2:
        return kRequire;
      default:
        return points(below(12));
    }
  }

  Finding any_finding(Outcome outcome) {
    const auto index = static_cast<std::size_t>(below(static_cast<int>(kTests.size())));
    Finding finding;
    finding.test = &kTests[index];
    finding.outcome = outcome;
    finding.detail = std::string(1, static_cast<char>('a' + below(3)));
    if (index == kFamily) {
      finding.label = std::string(1, static_cast<char>('x' + below(3)));
      finding.weight = is_one_in(4) ? any_weight() : points(below(20) - 8);
      finding.says = is_one_in(2) ? "it is listed" : "";
      if (is_one_in(4)) {
        finding.about = About::Recipient;
        finding.effect = Effect::AtOnce;
      }
    }
    return finding;
  }

  Findings any_findings() {
    Findings findings;
    for (int i = below(9); i > 0; --i) {
      findings.push_back(any_finding(any_outcome()));
    }
    return findings;
  }

  Posture any_posture() {
    return std::array{Posture::Observe, Posture::Lenient, Posture::Balanced,
                      Posture::Strict}[static_cast<std::size_t>(below(4))];
  }

  Policy any_policy() {
    Policy policy(any_posture());
    policy.set_soft(is_one_in(4));
    if (is_one_in(2)) {
      const int defer = 1 + below(8);
      const int reject = defer + below(8);
      policy.set_thresholds({is_one_in(2) ? std::optional(1 + below(5)) : std::nullopt,
                             is_one_in(2) ? std::optional(1 + below(5)) : std::nullopt,
                             is_one_in(2) ? std::optional(defer) : std::nullopt, reject,
                             is_one_in(2) ? std::optional(reject + below(8)) : std::nullopt});
    }
    for (const auto& test : kTests) {
      if (is_one_in(4)) {
        policy.set_weight(test, any_weight());
      }
    }
    return policy;
  }

  // A case, and what is judged of it.
  struct Any {
    Policy policy;
    Findings findings;
    bool is_exempt;
    std::int32_t hope;
    bool may_greylist;

    Verdict verdict() const { return judge(policy, {findings, is_exempt, hope, may_greylist}); }
    Any with(Finding finding) const {
      Any more = *this;
      more.findings.push_back(std::move(finding));
      return more;
    }
  };

  Any any_case() {
    return {any_policy(), any_findings(), is_one_in(5), is_one_in(3) ? -below(9) : 0, is_one_in(2)};
  }

  std::mt19937 random_;
};

std::string told(const Findings& findings) {
  std::string text = "seed " + std::to_string(seed()) + ":";
  for (const Finding& finding : findings) {
    text += " " + name_of(finding) + ":" + std::string(to_string(finding.outcome));
  }
  return text;
}

TEST_F(PolicyProperty, TheOrderOfFindingsDoesNotMatter) {
  for (int i = 0; i < kCases; ++i) {
    Any one = any_case();
    const Verdict before = one.verdict();
    std::shuffle(one.findings.begin(), one.findings.end(), random_);
    ASSERT_EQ(one.verdict(), before) << told(one.findings);
  }
}

TEST_F(PolicyProperty, AFurtherFailureNeverSoftens) {
  for (int i = 0; i < kCases; ++i) {
    const Any one = any_case();
    const Any more = one.with(any_finding(Outcome::Fail));
    ASSERT_GE(more.verdict().kind, one.verdict().kind) << told(more.findings);
    ASSERT_GE(more.verdict().score, one.verdict().score) << told(more.findings);
  }
}

TEST_F(PolicyProperty, AFurtherPassNeverHardens) {
  for (int i = 0; i < kCases; ++i) {
    const Any one = any_case();
    const Any more = one.with(any_finding(Outcome::Pass));
    ASSERT_LE(more.verdict().kind, one.verdict().kind) << told(more.findings);
  }
}

TEST_F(PolicyProperty, WhatCouldNotBeFoundOutWeighsNothing) {
  for (int i = 0; i < kCases; ++i) {
    const Any one = any_case();
    const Any more = one.with(any_finding(Outcome::TempError));
    Verdict verdict = more.verdict();
    const Verdict before = one.verdict();
    verdict.unknown = before.unknown;
    ASSERT_EQ(verdict, before) << told(more.findings);
  }
}

TEST_F(PolicyProperty, WhatWasSkippedIsNotEvenTold) {
  for (int i = 0; i < kCases; ++i) {
    const Any one = any_case();
    const Any more = one.with(any_finding(Outcome::Skip));
    ASSERT_EQ(more.verdict(), one.verdict()) << told(more.findings);
  }
}

TEST_F(PolicyProperty, SoftNeverGivesA5xx) {
  for (int i = 0; i < kCases; ++i) {
    Any one = any_case();
    one.policy.set_soft(true);
    const Verdict verdict = one.verdict();
    ASSERT_LT(verdict.code, 500) << told(one.findings);
    ASSERT_FALSE(verdict.enhanced.starts_with('5')) << told(one.findings);
    one.policy.set_soft(false);
    ASSERT_EQ(one.verdict().kind, verdict.kind) << told(one.findings);
  }
}

TEST_F(PolicyProperty, TheObservingPostureRefusesRelayingAndNothingElse) {
  for (int i = 0; i < kCases; ++i) {
    const Findings findings = any_findings();
    const Verdict verdict = judge(Policy(Posture::Observe), {findings});
    const bool is_relaying =
        std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
          return finding.test->name == "relay.foreign" && finding.outcome == Outcome::Fail;
        });
    ASSERT_EQ(verdict.kind, is_relaying ? Verdict::Kind::Refuse : Verdict::Kind::Pass)
        << told(findings);
  }
}

TEST_F(PolicyProperty, NothingAboutTheClientKeepsMailFromAnExemptRecipient) {
  for (int i = 0; i < kCases; ++i) {
    Any one = any_case();
    one.is_exempt = true;
    std::erase_if(one.findings,
                  [](const Finding& finding) { return about_of(finding) == About::Recipient; });
    ASSERT_EQ(one.verdict().kind, Verdict::Kind::Pass) << told(one.findings);
  }
}

TEST_F(PolicyProperty, NothingAboutAnAllowedClientCounts) {
  for (int i = 0; i < kCases; ++i) {
    Any one = any_case();
    one.is_exempt = false;
    std::erase_if(one.findings,
                  [](const Finding& finding) { return about_of(finding) != About::Client; });
    one.findings.push_back(passed(kTests.back()));
    ASSERT_EQ(one.verdict().kind, Verdict::Kind::Pass) << told(one.findings);
  }
}

TEST_F(PolicyProperty, HopeNeverHardens) {
  for (int i = 0; i < kCases; ++i) {
    Any one = any_case();
    const Verdict before = one.verdict();
    one.hope -= below(10);
    ASSERT_LE(one.verdict().kind, before.kind) << told(one.findings);
  }
}

TEST_F(PolicyProperty, ReplyAndVerdictSayTheSame) {
  for (int i = 0; i < kCases; ++i) {
    const Any one = any_case();
    const Verdict verdict = one.verdict();
    ASSERT_EQ(verdict.refuses(), verdict.code >= 400) << told(one.findings);
    ASSERT_EQ(verdict.refuses(), !verdict.text.empty()) << told(one.findings);
    if (verdict.refuses()) {
      ASSERT_EQ(verdict.enhanced.front(), std::to_string(verdict.code).front());
      ASSERT_FALSE(verdict.rule.empty());
      ASSERT_FALSE(verdict.counted.empty()) << told(one.findings);
    }
  }
}

}  // namespace
}  // namespace smtpguard::filters
