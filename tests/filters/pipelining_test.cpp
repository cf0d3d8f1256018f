#include <gtest/gtest.h>

#include "filters/judge.hpp"
#include "tests/support/dialog_stage.hpp"

namespace smtpguard::filters {
namespace {

Verdict verdict_of(std::uint32_t times, const std::string& posture) {
  const auto rules = test::rulebook_of("[policy.default]\nposture = \"" + posture + "\"\n");
  SessionFacts facts;
  facts.client.address = IpAddress::parse("192.0.2.9").value();
  facts.misbehaviour.pipelining = times;
  return Judge(*rules, *rules->policies.find("default")).of_client(facts);
}

TEST(Pipelining, WeighsByPosture) {
  EXPECT_EQ(verdict_of(1, "lenient").score, 4);
  EXPECT_EQ(verdict_of(1, "balanced").kind, Verdict::Kind::Defer);
  const Verdict strict = verdict_of(1, "strict");
  EXPECT_EQ(strict.kind, Verdict::Kind::Refuse);
  EXPECT_EQ(strict.rule, "pipelining");
}

TEST(Pipelining, CountsOnceHoweverOftenItHappened) {
  const Verdict verdict = verdict_of(7, "lenient");
  EXPECT_EQ(verdict.score, 4);
  ASSERT_EQ(verdict.counted.size(), 1U);
  EXPECT_EQ(verdict.counted[0].detail, "7 times before the reply was there");
}

TEST(Pipelining, IsNobodyWhoWaited) {
  EXPECT_EQ(verdict_of(0, "strict"), test::passed_by_default());
}

}  // namespace
}  // namespace smtpguard::filters
