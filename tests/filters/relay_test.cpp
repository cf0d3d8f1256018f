// Open-relay attempts, plain and hidden, as a table.
#include <gtest/gtest.h>

#include <vector>

#include "filters/judge.hpp"
#include "tests/support/dialog_stage.hpp"

namespace smtpguard::filters {
namespace {

Verdict verdict_of(const Mailbox& recipient, const std::string& toml = "",
                   const std::string& client = "192.0.2.9") {
  const auto rules = test::rulebook_of(toml);
  SessionFacts facts;
  facts.client.address = IpAddress::parse(client).value();
  facts.recipient = recipient;
  return Judge(*rules, *rules->policies.find("default")).of_recipient(facts);
}

struct Attempt {
  Mailbox recipient;
  const char* rule;  // empty: it is a recipient of ours
};

TEST(Relay, RefusesForeignRecipientsHoweverTheyAreHidden) {
  for (const auto& [recipient, rule] : std::vector<Attempt>{
           {{"user", "example.org", ""}, ""},
           {{"user", "EXAMPLE.ORG", ""}, ""},
           {{"postmaster", "", ""}, ""},
           {{"user", "foreign.example", ""}, "relay.foreign"},
           {{"user", "sub.example.org", ""}, "relay.foreign"},
           {{"user", "[192.0.2.1]", ""}, "relay.foreign"},
           {{"postmaster", "foreign.example", ""}, "relay.foreign"},
           {{"user%foreign.example", "example.org", ""}, "relay.hidden"},
           // Every hop of a route counts: the MTA behind may peel off one after the other.
           {{"user%foreign.example%example.org", "example.org", ""}, "relay.hidden"},
           {{"foreign.example!user%example.org", "example.org", ""}, "relay.hidden"},
           {{"user%foreign.example.", "example.org", ""}, "relay.hidden"},
           {{"user%[192.0.2.1]", "example.org", ""}, "relay.hidden"},
           {{"\"user@foreign\\.example\"", "example.org", ""}, "relay.hidden"},
           {{"user%example.org%example.org", "example.org", ""}, ""},
           {{"bounce+user=foreign.example", "example.org", ""}, ""},
           {{"\"with space\"", "example.org", ""}, ""},
           {{"first.last!", "example.org", ""}, "relay.hidden"},
           {{"foreign.example!user", "example.org", ""}, "relay.hidden"},
           {{"foreign.example!example.org!user", "example.org", ""}, "relay.hidden"},
           {{"\"user@foreign.example\"", "example.org", ""}, "relay.hidden"},
           {{"\"user%foreign.example\"", "example.org", ""}, "relay.hidden"},
           {{"user%example.org", "example.org", ""}, ""},
           {{"100%sure", "example.org", ""}, ""},
           {{"what!ever", "example.org", ""}, ""},
           // A source route is cut off: what counts is its last hop.
           {{"user", "example.org", "@a.example,@b.example"}, ""},
           {{"user", "foreign.example", "@example.org"}, "relay.foreign"},
       }) {
    const Verdict verdict = verdict_of(recipient);
    EXPECT_EQ(verdict.rule, rule) << recipient.address();
    EXPECT_EQ(verdict.code, *rule == '\0' ? 250 : 550) << recipient.address();
  }
}

TEST(Relay, IsRefusedWhateverThePostureAndTheStanding) {
  const Mailbox foreign{"user", "foreign.example", ""};
  for (const char* toml :
       {"[policy.default]\nposture = \"observe\"\n", "[access]\nallow = [\"192.0.2.9\"]\n",
        "[access]\nobserve = [\"192.0.2.9\"]\n", "[networks]\nlocal = [\"192.0.2.0/24\"]\n",
        "[recipients]\ndomains = [\"example.org\"]\n"
        "exempt = [\"foreign.example\"]\n"}) {
    EXPECT_EQ(verdict_of(foreign, toml).rule, "relay.foreign") << toml;
  }
}

TEST(Relay, IsForNetworksThatMayRelay) {
  const Mailbox foreign{"user", "foreign.example", ""};
  const std::string toml = "[networks]\nrelay = [\"192.0.2.0/28\"]\n";
  EXPECT_EQ(verdict_of(foreign, toml).kind, Verdict::Kind::Pass);
  EXPECT_EQ(verdict_of(foreign, toml, "192.0.2.99").rule, "relay.foreign");
}

}  // namespace
}  // namespace smtpguard::filters
