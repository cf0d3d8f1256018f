#include "filters/recipients.hpp"

#include <gtest/gtest.h>

namespace smtpguard::filters {
namespace {

RecipientDomains our_domains() {
  RecipientDomains domains;
  domains.add("Example.org");
  domains.add(".lists.example.org");
  return domains;
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

TEST(RecipientPatterns, MatchAddressesAndDomains) {
  RecipientPatterns some;
  EXPECT_TRUE(some.add("Boss@example.org"));
  EXPECT_TRUE(some.add(".lists.example.org"));
  EXPECT_FALSE(some.add("@example.org"));
  EXPECT_FALSE(some.add("a@.example.org"));
  EXPECT_FALSE(some.add("not a domain"));
  EXPECT_TRUE(some.has_address("bOSS", "example.ORG"));
  EXPECT_FALSE(some.has_address("boss", "sub.example.org"));
  EXPECT_TRUE(some.has_domain("a.lists.example.org"));
  EXPECT_FALSE(some.has_domain("example.org"));
  EXPECT_FALSE(some.has_domain(""));
}

TEST(CanonicalLocalPart, DropsQuotesThatAreNotNeeded) {
  EXPECT_EQ(canonical_local_part("bob"), "bob");
  EXPECT_EQ(canonical_local_part(R"("bob")"), "bob");
  EXPECT_EQ(canonical_local_part(R"("b\o\b.x+y")"), "bob.x+y");
  for (const char* as_said : {R"("b ob")", R"(".bob")", R"("bob.")", R"("b..b")", R"("a@b")",
                              R"("b\"b")", R"("b\\b")", R"("")", R"(")", ""}) {
    EXPECT_EQ(canonical_local_part(as_said), as_said);
  }
}

TEST(RecipientPatterns, MatchAnAddressInQuotesAsWell) {
  RecipientPatterns some;
  EXPECT_TRUE(some.add("bob@example.org"));
  EXPECT_TRUE(some.add(R"("alice"@example.org)"));
  EXPECT_TRUE(some.has_address(R"("Bob")", "example.org"));
  EXPECT_TRUE(some.has_address(R"("b\ob")", "example.org"));
  EXPECT_TRUE(some.has_address("alice", "example.org"));
  EXPECT_TRUE(some.has("alice@example.org"));
  EXPECT_FALSE(some.has_address(R"("b ob")", "example.org"));
}

}  // namespace
}  // namespace smtpguard::filters
