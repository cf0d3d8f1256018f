#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/policy.hpp"
#include "tests/filters/filter_stage.hpp"

namespace smtpguard::filters {

extern const FilterKind kHistory;

namespace {

constexpr Test kHelo{.name = "helo.x", .strict = kRequire, .says = "a name"};
constexpr Test kConduct{.name = "early.x", .strict = kRequire, .says = "conduct"};

using testing::ElementsAre;
using testing::IsEmpty;

TEST(History, OfAStrangerIsEmpty) {
  EXPECT_THAT(FilterStage(kHistory).findings(), IsEmpty());
}

TEST(History, TellsWhoHarvests) {
  FilterStage stage(kHistory);
  stage.facts.remembered.counts.unknown = 12;
  stage.facts.remembered.counts.accepted = 1;
  EXPECT_THAT(stage.findings(),
              ElementsAre("history.harvest fail: lately 12 unknown recipients, 1 messages "
                          "accepted"));
  stage.facts.remembered.counts.accepted = 50;
  EXPECT_THAT(stage.findings(), IsEmpty());
}

TEST(History, TellsWhoBreaksTheProtocolAgainAndAgain) {
  FilterStage stage(kHistory);
  stage.facts.remembered.counts.early = 2;
  EXPECT_THAT(stage.findings(), IsEmpty());
  stage.facts.remembered.counts.junk = 2;
  EXPECT_THAT(stage.findings(),
              ElementsAre("history.faults fail: lately 2 sessions with early talk, 2 without "
                          "SMTP"));
}

TEST(History, TellsWhoIsMostlyRefused) {
  FilterStage stage(kHistory);
  stage.facts.remembered.counts.refused = 30;
  stage.facts.remembered.counts.accepted = 2;
  EXPECT_THAT(stage.findings(), ElementsAre("history.refused fail: lately 30 refused, 2 accepted"));
  stage.facts.remembered.counts.accepted = 7;
  EXPECT_THAT(stage.findings(), IsEmpty());
}

TEST(History, TellsOfANetworkWhereManyFail) {
  FilterStage stage(kHistory);
  stage.facts.remembered.failed_neighbours = 16;
  EXPECT_THAT(stage.findings(), ElementsAre("history.network fail: 16 or more of its hosts"));
  stage.facts.remembered.counts.accepted = 3;
  EXPECT_THAT(stage.findings(), IsEmpty());
}

// The names of a correspondent's client are only told; how it behaves still counts.
TEST(History, ACorrespondentIsExcusedForNamesAlone) {
  FilterStage stage(kHistory);
  stage.facts.correspondent = std::make_shared<const memory::Correspondent>(
      memory::Correspondent{"bank.example", {}, memory::moment_at(1'800'000'000)});
  Findings findings;
  stage.judge(findings);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().detail,
            "bank.example by its confirmed name, since 2027-01-15T08:00:00Z");
  findings.push_back(failed(kHelo, "localhost"));
  const Policy strict(Posture::Strict);
  const Verdict excused = judge(strict, {findings});
  EXPECT_EQ(excused.kind, Verdict::Kind::Pass);
  EXPECT_EQ(excused.would_be, Verdict::Kind::Pass);
  ASSERT_EQ(excused.counted.size(), 1U);
  EXPECT_EQ(excused.counted.front().name, "history.correspondent");
  ASSERT_EQ(excused.observed.size(), 1U);
  const Findings of_a_stranger{findings.back()};
  EXPECT_EQ(judge(strict, {of_a_stranger}).kind, Verdict::Kind::Refuse);
  findings.push_back(failed(kConduct, ""));
  EXPECT_EQ(judge(strict, {findings}).kind, Verdict::Kind::Refuse);
}

}  // namespace
}  // namespace smtpguard::filters
