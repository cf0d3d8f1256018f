#include <gtest/gtest.h>

#include <string>
#include <vector>

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

// Nothing need be asked about who is refused whatever the answers are.
TEST(EarlyTalker, IsPastSavingWhereNoAnswerCouldHelp) {
  struct Row {
    const char* toml;
    bool is_past_saving;
  };
  for (const auto& [toml, is_past_saving] : std::vector<Row>{
           {"[policy.default]\nposture = \"balanced\"\n", true},
           {"[policy.default]\nposture = \"strict\"\n", true},
           {"[policy.default]\nposture = \"lenient\"\n", false},
           {"[policy.default]\nposture = \"observe\"\n", false},
           // A recipient may be judged by another policy, a name may be on a list.
           {"[policy.default]\nposture = \"strict\"\n[policy.mild]\nposture = \"lenient\"\n"
            "recipients = [\"example.org\"]\n",
            false},
           {"[policy.default]\nposture = \"strict\"\n[access]\nallow = [\"ptr:.friend.example\"]\n",
            false},
           {"[policy.default]\nposture = \"strict\"\n[access]\nobserve = "
            "[\"ptr:.friend.example\"]\n",
            false},
           {"[policy.default]\nposture = \"strict\"\n[access]\nobserve = [\"192.0.2.0/24\"]\n",
            false},
           // What is harder than a refusal may follow from a name, or from the sum.
           {"[policy.default]\nposture = \"strict\"\n[[rule]]\nname = \"r\"\naction = \"drop\"\n"
            "ptr = \"x\"\n",
            false},
           {"[policy.default]\nposture = \"strict\"\n[[rule]]\nname = \"r\"\naction = "
            "\"discard\"\nptr = \"x\"\n",
            false},
           {"[policy.default]\nposture = \"strict\"\nthresholds.drop = 50\n", false},
           {"[policy.default]\nposture = \"strict\"\n[access]\ndeny = [\"ptr:.foe.example\"]\n",
            true}}) {
    const auto rules = test::rulebook_of(toml);
    const Judge judge(*rules, *rules->policies.find("default"));
    EXPECT_EQ(judge.is_past_saving(early()), is_past_saving) << toml;
    SessionFacts patient = early();
    patient.misbehaviour.early = 0;
    EXPECT_FALSE(judge.is_past_saving(patient)) << toml;
  }
}

}  // namespace
}  // namespace smtpguard::filters
