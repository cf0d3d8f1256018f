#include "filters/policy.hpp"

#include <gtest/gtest.h>

namespace smtpguard::filters {
namespace {

RecipientDomains our_domains() {
  RecipientDomains domains;
  domains.add("Example.org");
  domains.add(".lists.example.org");
  return domains;
}

SessionFacts stranger() {
  SessionFacts facts;
  facts.client = Endpoint::parse("192.0.2.9:4000").value();
  return facts;
}

SessionFacts denied() {
  SessionFacts facts = stranger();
  facts.access = {Access::Deny, Cidr::parse("192.0.2.0/24").value()};
  return facts;
}

TEST(RecipientDomains, MatchWholeNamesInAnyCaseAndNamesBelowADot) {
  const RecipientDomains ours = our_domains();
  EXPECT_TRUE(ours.contains("example.ORG"));
  EXPECT_TRUE(ours.contains("a.lists.example.org"));
  EXPECT_TRUE(ours.contains("b.a.lists.example.org"));
  EXPECT_FALSE(ours.contains("lists.example.org"));
  EXPECT_FALSE(ours.contains("notexample.org"));
  EXPECT_FALSE(ours.contains("example.org.evil.example"));
  EXPECT_FALSE(ours.contains("sub.example.org"));
}

TEST(RecipientDomains, HoldANameInUtf8AsItIsSaid) {
  RecipientDomains ours;
  ours.add(
      "b\xc3\xbc"
      "cher.example");
  EXPECT_TRUE(
      ours.contains("B\xc3\xbc"
                    "cher.Example"));
  EXPECT_FALSE(ours.contains("bucher.example"));
}

TEST(RecipientDomains, AlwaysHoldThePostmasterWithoutADomain) {
  EXPECT_TRUE(RecipientDomains().contains(""));
}

TEST(Policy, PassesAStrangerToOurRecipients) {
  EXPECT_EQ(judge_recipient(stranger(), our_domains(), "user", "example.org").kind,
            Verdict::Kind::Pass);
}

TEST(Policy, RefusesToRelayWithItsReason) {
  const Verdict verdict = judge_recipient(stranger(), our_domains(), "user", "foreign.example");
  EXPECT_EQ(verdict.kind, Verdict::Kind::Refuse);
  EXPECT_EQ(verdict.code, 550);
  EXPECT_EQ(verdict.enhanced, "5.7.1");
  EXPECT_EQ(verdict.reason, "relay.foreign");
}

TEST(Policy, RefusesToRelayForThePostmasterOfOthers) {
  EXPECT_EQ(judge_recipient(stranger(), our_domains(), "postmaster", "foreign.example").kind,
            Verdict::Kind::Refuse);
}

TEST(Policy, RefusesTheDeniedAndNamesTheEntry) {
  EXPECT_TRUE(is_condemned(denied()));
  const Verdict verdict = judge_recipient(denied(), our_domains(), "user", "example.org");
  EXPECT_EQ(verdict.kind, Verdict::Kind::Refuse);
  EXPECT_EQ(verdict.reason, "access.deny 192.0.2.0/24");
}

TEST(Policy, LetsEvenTheDeniedReachPostmasterAndAbuse) {
  for (const char* name : {"postmaster", "POSTMASTER", "abuse"}) {
    EXPECT_EQ(judge_recipient(denied(), our_domains(), name, "example.org").kind,
              Verdict::Kind::Pass)
        << name;
  }
}

}  // namespace
}  // namespace smtpguard::filters
