#include <gtest/gtest.h>

#include "filters/judge.hpp"
#include "tests/support/dialog_stage.hpp"

namespace smtpguard::filters {
namespace {

Verdict verdict_of(const SessionFacts& facts, const std::string& posture) {
  const auto rules = test::rulebook_of("[policy.default]\nposture = \"" + posture + "\"\n");
  return Judge(*rules, *rules->policies.find("default")).of_client(facts);
}

SessionFacts early() {
  SessionFacts facts;
  facts.client.address = IpAddress::parse("192.0.2.9").value();
  facts.misbehaviour.early = 1;
  return facts;
}

TEST(EarlyTalker, WeighsByPosture) {
  const Verdict lenient = verdict_of(early(), "lenient");
  EXPECT_EQ(lenient.kind, Verdict::Kind::Pass);
  EXPECT_EQ(lenient.score, 6);
  for (const char* posture : {"balanced", "strict"}) {
    const Verdict verdict = verdict_of(early(), posture);
    EXPECT_EQ(verdict.kind, Verdict::Kind::Refuse) << posture;
    EXPECT_EQ(verdict.rule, "early_talker") << posture;
  }
  EXPECT_EQ(verdict_of(early(), "observe").would_be, Verdict::Kind::Refuse);
}

TEST(EarlyTalker, IsNobodyWhoWaited) {
  SessionFacts facts = early();
  facts.misbehaviour.early = 0;
  EXPECT_EQ(verdict_of(facts, "strict"), test::passed_by_default());
}

TEST(EarlyTalker, OurOwnNetworksAreNotTested) {
  SessionFacts facts = early();
  facts.standing = Standing::Local;
  EXPECT_EQ(verdict_of(facts, "strict"), test::passed_by_default());
}

}  // namespace
}  // namespace smtpguard::filters
