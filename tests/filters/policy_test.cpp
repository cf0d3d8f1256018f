#include "filters/policy.hpp"

#include <gtest/gtest.h>

#include <string>

namespace smtpguard::filters {
namespace {

constexpr Test kSmall{.name = "x.small",
                      .lenient = kObserve,
                      .balanced = points(3),
                      .strict = kRequire,
                      .says = "a small fault",
                      .mend = "mend it"};
constexpr Test kAfter{
    .name = "a.client", .lenient = kRequire, .balanced = kRequire, .strict = kRequire, .says = "a"};
constexpr Test kLarge{.name = "x.large",
                      .lenient = points(9),
                      .balanced = points(6),
                      .strict = kRequire,
                      .says = "a large fault"};
constexpr Test kList{.name = "x.list",
                     .lenient = points(0),
                     .balanced = points(0),
                     .strict = points(0),
                     .says = "listed"};
constexpr Test kForeign{.name = "x.foreign",
                        .lenient = kRequire,
                        .balanced = kRequire,
                        .strict = kRequire,
                        .says = "relaying denied",
                        .about = Test::About::Recipient,
                        .is_fixed = true};

Finding listed(const std::string& label, std::int32_t score) {
  Finding finding = score < 0 ? passed(kList) : failed(kList, "127.0.0.2");
  finding.label = label;
  finding.weight = points(score);
  return finding;
}

TEST(Policy, PassesWhoHasNoFault) {
  const Findings findings{passed(kSmall), skipped(kLarge)};
  const Verdict verdict = judge(Policy(Posture::Strict), {findings});
  EXPECT_EQ(verdict, Verdict{});
}

TEST(Policy, RefusesAloneWhatThePostureRequires) {
  const Findings findings{failed(kSmall, "evidence")};
  const Verdict verdict = judge(Policy(Posture::Strict), {findings});
  EXPECT_EQ(verdict.kind, Verdict::Kind::Refuse);
  EXPECT_EQ(verdict.code, 550);
  EXPECT_EQ(verdict.enhanced, "5.7.1");
  EXPECT_EQ(verdict.rule, "x.small");
  EXPECT_EQ(verdict.text, "refused: a small fault (x.small); mend it");
}

TEST(Policy, AddsScoresAndHoldsThemAgainstTheThresholds) {
  const Findings findings{failed(kSmall, ""), failed(kLarge, "")};
  const Verdict verdict = judge(Policy(Posture::Balanced), {findings});
  EXPECT_EQ(verdict.kind, Verdict::Kind::Refuse);
  EXPECT_EQ(verdict.score, 9);
  EXPECT_EQ(verdict.rule, "score");
  EXPECT_EQ(verdict.text, "refused: a large fault (x.large), a small fault (x.small)");
}

TEST(Policy, DefersBetweenTheThresholds) {
  const Findings findings{failed(kLarge, "")};
  const Verdict verdict = judge(Policy(Posture::Balanced), {findings});
  EXPECT_EQ(verdict.kind, Verdict::Kind::Defer);
  EXPECT_EQ(verdict.code, 450);
  EXPECT_EQ(verdict.enhanced, "4.7.1");
}

TEST(Policy, GreylistsTheSuspiciousOnlyWhereItMayAndNeverInLenient) {
  const Findings findings{failed(kSmall, ""), listed("other", 1)};
  Case what{findings};
  EXPECT_EQ(judge(Policy(Posture::Balanced), what).kind, Verdict::Kind::Pass);
  what.may_greylist = true;
  const Verdict verdict = judge(Policy(Posture::Balanced), what);
  EXPECT_EQ(verdict.kind, Verdict::Kind::Greylist);
  EXPECT_EQ(verdict.code, 450);
  EXPECT_EQ(verdict.enhanced, "4.7.1");
  EXPECT_EQ(verdict.rule, "greylist");
  EXPECT_TRUE(verdict.text.starts_with("greylisted: ")) << verdict.text;
  EXPECT_EQ(judge(Policy(Posture::Lenient), what).kind, Verdict::Kind::Pass);
  EXPECT_EQ(judge(Policy(Posture::Observe), what).kind, Verdict::Kind::Pass);
}

TEST(Policy, AllowListsLowerTheSum) {
  const Findings findings{listed("zen", 8), listed("white", -4)};
  const Verdict verdict = judge(Policy(Posture::Balanced), {findings});
  EXPECT_EQ(verdict.score, 4);
  EXPECT_EQ(verdict.kind, Verdict::Kind::Pass);
  ASSERT_EQ(verdict.counted.size(), 2U);
  EXPECT_EQ(to_string(verdict.counted[0]), "x.list.white=-4");
  EXPECT_EQ(to_string(verdict.counted[1]), "x.list.zen=8");
}

TEST(Policy, WhatCouldNotBeFoundOutWeighsNothing) {
  const Findings findings{not_known(kLarge, "servfail"), not_known(kSmall, "timeout")};
  const Verdict verdict = judge(Policy(Posture::Strict), {findings});
  EXPECT_EQ(verdict.kind, Verdict::Kind::Pass);
  EXPECT_EQ(verdict.unknown.size(), 2U);
}

TEST(Policy, TellsWhatObservedFaultsWouldHaveDone) {
  const Findings findings{failed(kSmall, "")};
  const Verdict lenient = judge(Policy(Posture::Lenient), {findings});
  EXPECT_EQ(lenient.kind, Verdict::Kind::Pass);
  ASSERT_EQ(lenient.observed.size(), 1U);
  EXPECT_EQ(to_string(lenient.observed[0]), "x.small=3");
  EXPECT_EQ(lenient.would_score, 3);

  const Findings both{failed(kSmall, ""), failed(kLarge, "")};
  const Verdict observing = judge(Policy(Posture::Observe), {both});
  EXPECT_EQ(observing.kind, Verdict::Kind::Pass);
  EXPECT_EQ(observing.would_be, Verdict::Kind::Refuse);
  EXPECT_EQ(observing.would_score, 9);
}

TEST(Policy, WouldIsWhatTheNextPostureSaysByItsThresholds) {
  const Findings findings{failed(kSmall, ""), failed(kLarge, "")};
  const Verdict lenient = judge(Policy(Posture::Lenient), {findings});
  const Verdict balanced = judge(Policy(Posture::Balanced), {findings});
  EXPECT_EQ(lenient.kind, Verdict::Kind::Pass);
  EXPECT_EQ(lenient.would_be, balanced.kind);
  EXPECT_EQ(lenient.would_score, balanced.score);
  EXPECT_EQ(balanced.would_be, judge(Policy(Posture::Strict), {findings}).kind);
  // What the administrator set is his also then.
  Policy own(Posture::Lenient);
  own.set_thresholds({{}, {}, {}, 100, {}});
  EXPECT_EQ(judge(own, {findings}).would_be, Verdict::Kind::Defer);
}

TEST(Policy, ExemptRecipientsAreReachedButNotByRelaying) {
  const Findings client{failed(kSmall, "")};
  EXPECT_EQ(judge(Policy(Posture::Strict), {client, true}).kind, Verdict::Kind::Pass);
  const Findings foreign{failed(kSmall, ""), failed(kForeign, "")};
  EXPECT_EQ(judge(Policy(Posture::Strict), {foreign, true}).kind, Verdict::Kind::Refuse);
}

TEST(Policy, RelayingIsRefusedInEveryPosture) {
  const Findings findings{failed(kForeign, "")};
  for (const Posture posture :
       {Posture::Observe, Posture::Lenient, Posture::Balanced, Posture::Strict}) {
    Policy policy(posture);
    policy.set_weight(kForeign, kOff);
    EXPECT_EQ(judge(policy, {findings}).kind, Verdict::Kind::Refuse) << to_string(posture);
  }
}

TEST(Policy, NamesTheRecipientBeforeTheClient) {
  const Findings both{failed(kAfter, ""), failed(kForeign, "")};
  EXPECT_EQ(judge(Policy(Posture::Strict), {both}).rule, "x.foreign");
}

TEST(Policy, SoftTurnsEveryRefusalIntoADeferral) {
  Policy policy(Posture::Strict);
  policy.set_soft(true);
  const Findings findings{failed(kSmall, "")};
  const Verdict verdict = judge(policy, {findings});
  EXPECT_EQ(verdict.code, 450);
  EXPECT_EQ(verdict.enhanced, "4.7.1");
}

TEST(Policy, AnOpenAnswerThatCouldSaveTheClientKeepsItFromBeingCondemned) {
  const Findings findings{listed("zen", 8)};
  EXPECT_TRUE(judge(Policy(Posture::Balanced), {findings, false, 0}).refuses());
  EXPECT_FALSE(judge(Policy(Posture::Balanced), {findings, false, -4}).refuses());
}

TEST(Policy, EndsWithWhereHelpIsFound) {
  Policy policy(Posture::Strict);
  policy.set_contact("https://example.org/mail");
  const Findings findings{failed(kLarge, "")};
  EXPECT_EQ(judge(policy, {findings}).text,
            "refused: a large fault (x.large); https://example.org/mail");
}

TEST(Policy, ManyReasonsLeaveRoomForTheContactAndTheSession) {
  Policy policy(Posture::Balanced);
  policy.set_contact(std::string(200, 'c'));
  Findings findings;
  for (int i = 0; i < 20; ++i) {
    findings.push_back(listed(std::to_string(10 + i), 9));
    findings.back().says = "the address is listed, see https://list.example/why";
  }
  const Verdict verdict = judge(policy, {findings});
  const std::string line = "550 " + verdict.enhanced + " " + verdict.text + " (session 0123456789)";
  EXPECT_LE(line.size(), 510U);
  EXPECT_TRUE(verdict.text.ends_with(" (x.list.12), and 17 more; " + policy.contact()))
      << verdict.text;
  EXPECT_EQ(verdict.counted.size(), 20U);
}

TEST(Policy, OneLongReasonIsCutBeforeTheContact) {
  for (const Weight weight : {kRequire, points(9)}) {
    Policy policy(Posture::Balanced);
    policy.set_contact("https://example.org/mail");
    Findings findings{listed("zen", 9)};
    findings.back().weight = weight;
    for (int i = 0; i < 300; ++i) {
      findings.back().says += "\u00e9";
    }
    const Verdict verdict = judge(policy, {findings});
    const std::string line =
        "550 " + verdict.enhanced + " " + verdict.text + " (session 0123456789)";
    EXPECT_LE(line.size(), 510U);
    EXPECT_TRUE(verdict.text.ends_with("\u00e9 (x.list.zen); https://example.org/mail"))
        << verdict.text;
  }
}

}  // namespace
}  // namespace smtpguard::filters
