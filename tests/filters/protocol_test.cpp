#include <gtest/gtest.h>

#include <string>

#include "filters/judge.hpp"
#include "tests/support/dialog_stage.hpp"

namespace smtpguard::filters {
namespace {

SessionFacts stranger() {
  SessionFacts facts;
  facts.client.address = IpAddress::parse("192.0.2.9").value();
  return facts;
}

Verdict verdict_of(const SessionFacts& facts, const std::string& toml) {
  const auto rules = test::rulebook_of(toml);
  return Judge(*rules, *rules->policies.find("default")).of_client(facts);
}

std::string posture(const std::string& name) {
  return "[policy.default]\nposture = \"" + name + "\"\n";
}

TEST(Protocol, EndsASessionOfAnotherProtocolAtOnceInEveryActingPosture) {
  SessionFacts facts = stranger();
  facts.misbehaviour.foreign = ForeignProtocol{"SSH", "SSH-2.0-Go"};
  for (const char* name : {"lenient", "balanced", "strict"}) {
    const Verdict verdict = verdict_of(facts, posture(name));
    EXPECT_EQ(verdict.kind, Verdict::Kind::Drop) << name;
    EXPECT_EQ(verdict.code, 554);
    EXPECT_EQ(verdict.enhanced, "5.5.1");
    EXPECT_EQ(verdict.rule, "protocol.non_smtp");
    ASSERT_EQ(verdict.counted.size(), 1U);
    EXPECT_EQ(verdict.counted[0].detail, "SSH: SSH-2.0-Go");
  }
  const Verdict observed = verdict_of(facts, posture("observe"));
  EXPECT_EQ(observed.kind, Verdict::Kind::Pass);
  EXPECT_EQ(observed.would_be, Verdict::Kind::Drop);
}

TEST(Protocol, EndsASessionThatSendsAMessageAsCommands) {
  SessionFacts facts = stranger();
  facts.misbehaviour.message_line = std::string("Subject:");
  const Verdict verdict = verdict_of(facts, posture("lenient"));
  EXPECT_EQ(verdict.kind, Verdict::Kind::Drop);
  EXPECT_EQ(verdict.rule, "protocol.message_line");
}

TEST(Protocol, AllowsAsManyUnknownCommandsAsConfigured) {
  SessionFacts facts = stranger();
  facts.misbehaviour.unknown_commands = 3;
  const std::string toml = "[protocol]\nunknown_commands = 3\n";
  EXPECT_EQ(verdict_of(facts, toml).kind, Verdict::Kind::Pass);
  facts.misbehaviour.unknown_commands = 4;
  EXPECT_EQ(verdict_of(facts, toml).kind, Verdict::Kind::Drop);
  EXPECT_EQ(verdict_of(facts, "").kind, Verdict::Kind::Pass);
}

struct Weighing {
  const char* test;
  std::uint32_t Misbehaviour::*counter;
  const char* balanced;
  const char* strict;
};

TEST(Protocol, WeighsLineEndsControlCharactersAndAuthByPosture) {
  for (const auto& [test, counter, balanced, strict] :
       {Weighing{"protocol.bare_lf", &Misbehaviour::bare_lf, "4", "require"},
        Weighing{"protocol.control_bytes", &Misbehaviour::control_bytes, "6", "require"},
        Weighing{"auth.not_offered", &Misbehaviour::auth, "3", "4"}}) {
    SessionFacts facts = stranger();
    facts.misbehaviour.*counter = 1;
    const Verdict lenient = verdict_of(facts, posture("lenient"));
    EXPECT_TRUE(lenient.counted.empty()) << test;
    ASSERT_EQ(lenient.observed.size(), 1U);
    EXPECT_EQ(lenient.observed[0].name, test);
    const Verdict at_balanced = verdict_of(facts, posture("balanced"));
    ASSERT_EQ(at_balanced.counted.size(), 1U);
    EXPECT_EQ(to_string(at_balanced.counted[0]), std::string(test) + "=" + balanced);
    const Verdict at_strict = verdict_of(facts, posture("strict"));
    ASSERT_EQ(at_strict.counted.size(), 1U);
    EXPECT_EQ(to_string(at_strict.counted[0]), std::string(test) + "=" + strict);
    EXPECT_NE(at_strict.kind, Verdict::Kind::Drop) << test;
  }
}

TEST(Protocol, LooksAtForwardersButNotAtOurOwnNetworks) {
  SessionFacts facts = stranger();
  facts.misbehaviour.foreign = ForeignProtocol{"HTTP", ""};
  facts.standing = Standing::Trusted;
  EXPECT_EQ(verdict_of(facts, "").kind, Verdict::Kind::Drop);
  facts.standing = Standing::Local;
  EXPECT_EQ(verdict_of(facts, "").kind, Verdict::Kind::Pass);
}

TEST(Protocol, HasNothingToSayOfAnOrderlyClient) {
  EXPECT_EQ(verdict_of(stranger(), posture("strict")), test::passed_by_default());
}

// What is asked at every command, before any verdict: it may say yes too often, never no.
TEST(Protocol, MayDropWheneverTheVerdictIsADrop) {
  SessionFacts calm;
  calm.client.address = IpAddress::parse("192.0.2.9").value();
  SessionFacts foreign = calm;
  foreign.misbehaviour.foreign = ForeignProtocol{"HTTP", "GET /"};
  SessionFacts message = calm;
  message.misbehaviour.message_line = std::string("Subject:");
  SessionFacts unknown = calm;
  unknown.misbehaviour.unknown_commands = 11;
  for (const char* toml : {"", "[policy.default]\nposture = \"strict\"\n",
                           "[policy.default]\nposture = \"strict\"\nthresholds.drop = 5\n",
                           "[[rule]]\nname = \"r\"\naction = \"drop\"\nhelo = \"x\"\n"}) {
    const auto rules = test::rulebook_of(toml);
    const Judge judge(*rules, *rules->policies.find("default"));
    for (const SessionFacts& facts : {calm, foreign, message, unknown}) {
      EXPECT_TRUE(judge.may_drop(facts) || judge.of_client(facts).kind != Verdict::Kind::Drop)
          << toml;
    }
    EXPECT_TRUE(judge.may_drop(foreign)) << toml;
    EXPECT_EQ(judge.may_drop(calm), std::string_view(toml).find("drop") != std::string_view::npos)
        << toml;
  }
}

}  // namespace
}  // namespace smtpguard::filters
