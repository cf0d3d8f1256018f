#include "filters/access.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "conf/reader.hpp"
#include "filters/judge.hpp"
#include "filters/reverse.hpp"
#include "filters/site.hpp"
#include "tests/support/dialog_stage.hpp"

namespace smtpguard::filters {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct ReadLists {
  AccessSettings lists;
  std::vector<std::string> errors;
};

ReadLists read(const std::string& toml) {
  const auto document = conf::Document::parse("[access]\n" + toml, "t");
  conf::Reading reading(document.value());
  conf::Reader root = reading.root();
  ReadLists result{read_access(root), {}};
  reading.finish();
  result.errors = reading.report().errors();
  return result;
}

AccessSettings lists(const std::string& toml) {
  ReadLists result = read(toml);
  EXPECT_THAT(result.errors, testing::IsEmpty());
  return std::move(result.lists);
}

SessionFacts client(const char* address, const std::string& helo = "") {
  SessionFacts facts;
  facts.client.address = IpAddress::parse(address).value();
  facts.helo = helo;
  return facts;
}

void answer_reverse(SessionFacts& facts, const std::string& name, bool is_confirmed = true) {
  dns::Answer ptr;
  ptr.outcome = dns::Outcome::Found;
  ptr.records().names = {name};
  const auto& address = facts.client.address;
  facts.dns.answer({dns::reverse_name(address), dns::RecordType::PTR}, ptr);
  dns::Answer forward;
  forward.outcome = dns::Outcome::Found;
  forward.records().addresses = {is_confirmed ? address
                                              : IpAddress::parse("198.51.100.99").value()};
  for (const dns::Question& question : dns::forward_questions(address, ptr)) {
    facts.dns.answer(question, forward);
  }
}

Access of(const AccessSettings& lists, const char* address) {
  return look_up(lists, client(address).client.address).access;
}

TEST(Access, FindsWhoIsListedAndNobodyElse) {
  const auto found = lists("allow = [\"192.0.2.0/24\"]\ndeny = [\"2001:db8::/32\"]");
  EXPECT_EQ(of(found, "192.0.2.9"), Access::Allow);
  EXPECT_EQ(of(found, "2001:db8::9"), Access::Deny);
  EXPECT_EQ(of(found, "198.51.100.1"), Access::Unlisted);
}

TEST(Access, LetsTheMoreSpecificEntryWin) {
  const auto found = lists("allow = [\"192.0.2.9\"]\ndeny = [\"192.0.2.0/24\"]");
  EXPECT_EQ(of(found, "192.0.2.9"), Access::Allow);
  EXPECT_EQ(of(found, "192.0.2.10"), Access::Deny);
}

TEST(Access, NamesTheEntryThatDecided) {
  const auto found = lists("deny = [\"192.0.2.0/24\", \"192.0.0.0/16\"]");
  EXPECT_EQ(look_up(found, client("192.0.2.9").client.address),
            (AccessAnswer{Access::Deny, "192.0.2.0/24"}));
}

TEST(Access, KnowsAClientByItsConfirmedName) {
  const auto found = lists("deny = [\"ptr:.bad.example\"]\nallow = [\"ptr:mx.bad.example\"]");
  SessionFacts facts = client("192.0.2.9");
  EXPECT_TRUE(look_up_client(found, facts).is_open);
  answer_reverse(facts, "a.b.BAD.example");
  EXPECT_EQ(look_up_client(found, facts).answer, (AccessAnswer{Access::Deny, "ptr:.bad.example"}));
  SessionFacts exception = client("192.0.2.10");
  answer_reverse(exception, "mx.bad.example");
  EXPECT_EQ(look_up_client(found, exception).answer.access, Access::Allow);
  SessionFacts forged = client("192.0.2.11");
  answer_reverse(forged, "mx.bad.example", false);
  EXPECT_EQ(look_up_client(found, forged).answer.access, Access::Unlisted);
  SessionFacts other = client("192.0.2.12");
  answer_reverse(other, "host.evilbad.example");
  EXPECT_EQ(look_up_client(found, other).answer.access, Access::Unlisted);
}

TEST(Access, DecidesByAddressThenByNameThenByHelo) {
  const auto found = lists(
      "allow = [\"192.0.2.9\", \"ptr:.good.example\"]\n"
      "deny = [\"ptr:.bad.example\", \"helo:ylmf-pc\"]");
  SessionFacts by_address = client("192.0.2.9", "ylmf-pc");
  EXPECT_EQ(look_up_client(found, by_address).answer.access, Access::Allow);
  SessionFacts by_name = client("192.0.2.10", "ylmf-pc");
  answer_reverse(by_name, "mx.good.example");
  EXPECT_EQ(look_up_client(found, by_name).answer.access, Access::Allow);
  SessionFacts by_helo = client("192.0.2.11", "YLMF-PC");
  answer_reverse(by_helo, "mx.other.example");
  EXPECT_EQ(look_up_client(found, by_helo).answer, (AccessAnswer{Access::Deny, "helo:ylmf-pc"}));
}

// "spf:DOMAIN", and what the domain publishes.
std::shared_ptr<const dns::SpfTable> published(const std::string& domain, const char* network) {
  dns::SpfNetworks networks;
  networks.add(true, CidrSet({Cidr::parse(network).value()}));
  const auto table = std::make_shared<dns::SpfTable>();
  table->emplace(domain, networks);
  return table;
}

TEST(Access, KnowsAClientByTheNetworksThatADomainPublishes) {
  const auto found = lists(
      "allow = [\"spf:Friend.example\"]\n"
      "deny = [\"192.0.2.66\", \"ptr:.bad.example\"]\nquiet = [\"spf:friend.example\"]");
  SessionFacts facts = client("192.0.2.9");
  answer_reverse(facts, "mx.bad.example");
  EXPECT_EQ(look_up_client(found, facts).answer.access, Access::Deny) << "nothing is known yet";
  facts.spf = published("friend.example", "192.0.2.0/24");
  EXPECT_EQ(look_up_client(found, facts).answer,
            (AccessAnswer{Access::Allow, "spf:friend.example"}));
  EXPECT_TRUE(is_quiet(found, facts));
  facts.client.address = IpAddress::parse("192.0.2.66").value();
  EXPECT_EQ(look_up_client(found, facts).answer.access, Access::Deny)
      << "your own networks come first";
  facts.client.address = IpAddress::parse("198.51.100.9").value();
  EXPECT_EQ(look_up_client(found, facts).answer.access, Access::Unlisted);
  EXPECT_FALSE(is_quiet(found, facts));
  EXPECT_THAT(found.spf_domains(), ElementsAre("friend.example"));
}

TEST(Access, KnowsAClientByItsAutonomousSystem) {
  auto found = lists(
      "allow = [\"asn:64500\", \"asn:AS64502\"]\ndeny = [\"192.0.2.66\", \"ptr:.bad.example\"]\n"
      "quiet = [\"asn:64501\"]\n[asn]\ncymru = true");
  const auto with_answer = [&](const char* address, const char* text) {
    SessionFacts facts = client(address, "helo.example");
    std::vector<dns::Question> questions;
    want_origin(found.origins.get(), facts, questions);
    dns::Answer answer =
        dns::without_records(text == nullptr ? dns::Outcome::Timeout : dns::Outcome::Found);
    answer.records().texts = {text == nullptr ? "" : text};
    facts.dns.answer(questions.at(0), answer);
    answer_reverse(facts, "mx.bad.example");
    return facts;
  };
  EXPECT_TRUE(look_up_client(found, client("192.0.2.9")).is_open);
  EXPECT_EQ(look_up_client(found, with_answer("192.0.2.9", "64500 | 192.0.2.0/24 | | |")).answer,
            (AccessAnswer{Access::Allow, "asn:64500"}));
  EXPECT_EQ(look_up_client(found, with_answer("192.0.2.66", "64500 | 192.0.2.0/24 | | |")).answer,
            (AccessAnswer{Access::Deny, "192.0.2.66/32"}));
  const SessionFacts other = with_answer("192.0.2.9", "64501 | 192.0.2.0/24 | | |");
  EXPECT_EQ(look_up_client(found, other).answer, (AccessAnswer{Access::Deny, "ptr:.bad.example"}));
  EXPECT_FALSE(look_up_client(found, other).is_unknown);
  EXPECT_TRUE(is_quiet(found, other));
  // Its network might have allowed it: that we cannot tell is not the client's fault.
  EXPECT_TRUE(look_up_client(found, with_answer("192.0.2.9", nullptr)).is_unknown);
}

TEST(Access, LetsAPublishedNetworkStandAsAnAllowedOne) {
  Site site;
  site.access = lists("allow = [\"spf:friend.example\"]");
  const IpAddress address = IpAddress::parse("192.0.2.9").value();
  EXPECT_EQ(site.standing_of(address), Standing::Stranger);
  const auto table = published("friend.example", "192.0.2.0/24");
  EXPECT_EQ(site.standing_of(address, table.get()), Standing::Allowed);
}

// An address with two names; `second` is what asking for the second one's addresses gave.
SessionFacts with_two_names(dns::Outcome second) {
  SessionFacts facts = client("192.0.2.10");
  dns::Answer ptr = dns::without_records(dns::Outcome::Found);
  ptr.records().names = {"a.other.example", "mx.bad.example"};
  facts.dns.answer({dns::reverse_name(facts.client.address), dns::RecordType::PTR}, ptr);
  dns::Answer forward = dns::without_records(dns::Outcome::Found);
  forward.records().addresses = {facts.client.address};
  for (const dns::Question& question : dns::forward_questions(facts.client.address, ptr)) {
    const bool is_first = question.name == "a.other.example";
    const bool is_found = is_first || second == dns::Outcome::Found;
    facts.dns.answer(question, is_found ? forward : dns::without_records(second));
  }
  return facts;
}

TEST(Access, LooksAtEveryConfirmedName) {
  const auto found = lists("deny = [\"ptr:.bad.example\"]\nquiet = [\"ptr:.bad.example\"]");
  const SessionFacts both = with_two_names(dns::Outcome::Found);
  EXPECT_EQ(look_up_client(found, both).answer, (AccessAnswer{Access::Deny, "ptr:.bad.example"}));
  EXPECT_TRUE(is_quiet(found, both));
  const SessionFacts trouble = with_two_names(dns::Outcome::Timeout);
  EXPECT_EQ(look_up_client(found, trouble).answer.access, Access::Unlisted);
  EXPECT_TRUE(look_up_client(found, trouble).is_unknown);
  EXPECT_FALSE(is_quiet(found, trouble));
}

TEST(Access, DoesNotRefuseByHeloWhileTheNameCouldNotBeLookedUp) {
  const std::string toml = "[access]\nallow = [\"ptr:.good.example\"]\ndeny = [\"helo:ylmf-pc\"]\n";
  const auto rules = test::rulebook_of(toml);
  SessionFacts facts = client("192.0.2.9", "ylmf-pc");
  const dns::Answer trouble = dns::without_records(dns::Outcome::Timeout);
  facts.dns.answer({dns::reverse_name(facts.client.address), dns::RecordType::PTR}, trouble);
  facts.recipient = Mailbox{"user", "example.org", ""};
  Judge judge(*rules, *rules->policies.find("default"));
  const Verdict verdict = judge.of_recipient(facts);
  EXPECT_EQ(verdict.kind, Verdict::Kind::Pass);
  ASSERT_FALSE(verdict.unknown.empty());
  EXPECT_EQ(verdict.unknown[0].name, "access.deny");
}

TEST(Access, KnowsSendersAndRecipients) {
  const auto found = lists(
      "deny = [\"from:spam@example.com\", \"from:.bad.example\", \"to:old@example.org\"]\n"
      "observe = [\"from:example.com\"]\n"
      "discard = [\"from:<>\"]");
  EXPECT_EQ(look_up_sender(found, {"Spam", "EXAMPLE.com", ""}).access, Access::Deny);
  EXPECT_EQ(look_up_sender(found, {"ham", "example.com", ""}).access, Access::Observe);
  EXPECT_EQ(look_up_sender(found, {"x", "a.bad.example", ""}).access, Access::Deny);
  EXPECT_EQ(look_up_sender(found, {"x", "bad.example", ""}).access, Access::Unlisted);
  EXPECT_EQ(look_up_sender(found, {"", "", ""}), (AccessAnswer{Access::Discard, "from:<>"}));
  EXPECT_EQ(look_up_recipient(found, {"old", "example.org", ""}),
            (AccessAnswer{Access::Deny, "to:old@example.org"}));
  EXPECT_EQ(look_up_recipient(found, {"\"old\"", "example.org", ""}).access, Access::Deny);
  EXPECT_EQ(look_up_sender(found, {"\"sp\\am\"", "example.com", ""}).access, Access::Deny);
  EXPECT_EQ(look_up_recipient(found, {"new", "example.org", ""}).access, Access::Unlisted);
}

TEST(Access, IsQuietByAnythingThatIsKnown) {
  const auto found = lists(
      "quiet = [\"192.0.2.0/28\", \"ptr:.scanner.example\", \"helo:masscan\", "
      "\"from:probe@scanner.example\", \"to:nobody@example.org\"]");
  EXPECT_TRUE(is_quiet(found, client("192.0.2.9")));
  EXPECT_TRUE(is_quiet(found, client("198.51.100.9", "masscan")));
  SessionFacts facts = client("198.51.100.9", "other");
  EXPECT_FALSE(is_quiet(found, facts));
  facts.sender = Mailbox{"probe", "scanner.example", ""};
  EXPECT_TRUE(is_quiet(found, facts));
  facts.sender.reset();
  facts.recipient = Mailbox{"nobody", "example.org", ""};
  EXPECT_TRUE(is_quiet(found, facts));
  facts.recipient.reset();
  answer_reverse(facts, "probe7.scanner.example");
  EXPECT_TRUE(is_quiet(found, facts));
}

class AccessVerdict : public testing::Test {
 protected:
  Verdict of(SessionFacts facts, const std::string& toml, const std::string& recipient = "user") {
    const auto rules = test::rulebook_of("[access]\n" + toml);
    facts.recipient = Mailbox{recipient, "example.org", ""};
    return Judge(*rules, *rules->policies.find("default")).of_recipient(facts);
  }

  SessionFacts bad_client() {
    SessionFacts facts = client("192.0.2.9", "ylmf-pc");
    facts.misbehaviour.early = 1;
    facts.misbehaviour.pipelining = 3;
    facts.sender = Mailbox{"stalker", "example.com", ""};
    return facts;
  }
};

TEST_F(AccessVerdict, DeniesWithTheEntryAsEvidence) {
  const Verdict verdict = of(bad_client(), "deny = [\"helo:ylmf-pc\"]");
  EXPECT_EQ(verdict.kind, Verdict::Kind::Refuse);
  EXPECT_EQ(verdict.rule, "access.deny");
  EXPECT_EQ(verdict.counted[0].detail, "helo:ylmf-pc");
}

TEST_F(AccessVerdict, ReachesPostmasterThroughADenyOfClientAndSender) {
  const std::string toml = "deny = [\"192.0.2.9\", \"from:stalker@example.com\"]";
  EXPECT_EQ(of(bad_client(), toml, "postmaster").kind, Verdict::Kind::Pass);
  EXPECT_EQ(of(bad_client(), toml).kind, Verdict::Kind::Refuse);
}

TEST_F(AccessVerdict, ObservesAllElseOfTheClient) {
  const std::string strict = "\n[policy.default]\nposture = \"strict\"\n";
  EXPECT_EQ(of(bad_client(), strict).kind, Verdict::Kind::Refuse);
  const Verdict verdict = of(bad_client(), "observe = [\"192.0.2.9\"]" + strict);
  EXPECT_EQ(verdict.kind, Verdict::Kind::Pass);
  EXPECT_EQ(verdict.would_be, Verdict::Kind::Refuse);
  ASSERT_EQ(verdict.counted.size(), 1U);
  EXPECT_EQ(verdict.counted[0].name, "access.observe");
}

TEST_F(AccessVerdict, DiscardsBySenderAlsoFromAnAllowedClient) {
  SessionFacts facts = bad_client();
  facts.standing = Standing::Allowed;
  const Verdict verdict =
      of(facts, "allow = [\"192.0.2.9\"]\ndiscard = [\"from:stalker@example.com\"]");
  EXPECT_EQ(verdict.kind, Verdict::Kind::Discard);
  EXPECT_EQ(verdict.rule, "access.discard");
  EXPECT_EQ(verdict.code, 250);
}

TEST_F(AccessVerdict, AllowsByConfirmedNameWhateverTheClientDid) {
  const std::string toml =
      "allow = [\"ptr:.good.example\"]\n[policy.default]\nposture = \"strict\"\n";
  SessionFacts facts = bad_client();
  answer_reverse(facts, "mx.good.example");
  EXPECT_EQ(of(facts, toml).kind, Verdict::Kind::Pass);
  SessionFacts unconfirmed = bad_client();
  answer_reverse(unconfirmed, "mx.good.example", false);
  EXPECT_EQ(of(unconfirmed, toml).kind, Verdict::Kind::Refuse);
}

TEST_F(AccessVerdict, ADeniedSenderIsRefusedForThisMessageAlone) {
  const auto rules = test::rulebook_of("[access]\ndeny = [\"from:stalker@example.com\"]\n");
  Judge judge(*rules, *rules->policies.find("default"));
  SessionFacts facts = client("192.0.2.9", "mx.example.com");
  facts.sender = Mailbox{"stalker", "example.com", ""};
  facts.recipient = Mailbox{"user", "example.org", ""};
  EXPECT_EQ(judge.of_recipient(facts).rule, "access.deny_sender");
  facts.sender = Mailbox{"friend", "example.com", ""};
  EXPECT_EQ(judge.of_recipient(facts).kind, Verdict::Kind::Pass);
}

struct BadEntry {
  const char* toml;
  const char* told;
};

TEST(AccessSettings, TellsWhatIsWrongWithAnEntryAndWhatIsMeant) {
  for (const auto& [toml, told] : std::vector<BadEntry>{
           {"allow = [\"helo:mx.example.org\"]",
            "t:2:10: access.allow: found \"helo:mx.example.org\", which anybody can say; allowed "
            "here: an address, a network, \"ptr:NAME\", \"ptr:.NAME\" (a name that the reverse "
            "DNS confirms), \"spf:DOMAIN\" (the networks that the domain publishes), or "
            "\"asn:64500\""},
           {"allow = [\"asn:64500\"]", "\"asn:\" needs asn.file, or asn.cymru = true"},
           {"deny = [\"asn:x\"]\n[asn]\ncymru = true", "found \"asn:x\"; allowed: an address"},
           {"allow = [\"spf:org\"]", "found \"spf:org\"; allowed: an address"},
           {"allow = [\"spf:.example.org\"]", "found \"spf:.example.org\"; allowed: an address"},
           {"allow = [\"spf:example.org\"]\ndeny = [\"spf:Example.org\"]",
            "spf:Example.org stands in the allow list too"},
           {"allow = [\"from:a@example.org\"]", "which anybody can say"},
           {"allow = [\"ptr:.org\"]", "found \"ptr:.org\"; allowed: an address"},
           {"allow = [\"mx.example.org\"]", "did you mean \"ptr:mx.example.org\"?"},
           {"deny = [\"*.example.org\"]", "did you mean \"ptr:.example.org\"?"},
           {"deny = [\"user@example.org\"]", "did you mean \"from:user@example.org\"?"},
           {"deny = [\"192.0.2.1/24\"]", "192.0.2.0/24"},
           {"deny = [\"192.0.2.300\"]", "found \"192.0.2.300\"; allowed: an address"},
           {"deny = [\"helo:\"]", "found \"helo:\""},
           {"deny = [\"from:@\"]", "found \"from:@\""},
           {"deny = [\"helo:User\"]\nobserve = [\"helo:user\"]",
            "t:2:9: access.deny: helo:User stands in the observe list too; keep it in one of them"},
           {"allow = [\"192.0.2.1\"]\ndiscard = [\"192.0.2.1/32\"]",
            "access.discard: 192.0.2.1/32 stands in the allow list too"},
       }) {
    EXPECT_THAT(read(toml).errors, ElementsAre(HasSubstr(told))) << toml;
  }
}

TEST(AccessSettings, TakesTheSameEntryAsQuietAndAsDenied) {
  EXPECT_THAT(read("deny = [\"192.0.2.1\"]\nquiet = [\"192.0.2.1\"]").errors, testing::IsEmpty());
}

}  // namespace
}  // namespace smtpguard::filters
