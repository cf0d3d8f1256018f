// The administrator's own rules, as a table: what is configured, what is known, what is found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "conf/document.hpp"
#include "conf/reader.hpp"
#include "dns/reverse_name.hpp"
#include "filters/judge.hpp"
#include "filters/registry.hpp"
#include "tests/support/dialog_stage.hpp"

namespace smtpguard::filters {

extern const FilterKind kRule;

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Configured {
  std::unique_ptr<const Filter> filter;
  std::vector<std::string> errors;
};

Configured configure(const std::string& toml) {
  const auto document = conf::Document::parse(toml, "t").value();
  conf::Reading reading(document);
  conf::Reader root = reading.root();
  Configured configured{kRule.make(root, Site{}), {}};
  reading.finish();
  configured.errors = reading.report().errors();
  return configured;
}

std::string rule(const std::string& keys) {
  return "[[rule]]\nname = \"mine\"\n" + keys;
}

SessionFacts facts_of(const std::string& helo) {
  SessionFacts facts;
  facts.client.address = IpAddress::parse("192.0.2.9").value();
  facts.helo = helo;
  return facts;
}

void answer_reverse(SessionFacts& facts, const std::string& name) {
  dns::Answer ptr = dns::without_records(dns::Outcome::Found);
  ptr.records().names = {name};
  facts.dns.answer({dns::reverse_name(facts.client.address), dns::RecordType::PTR}, ptr);
  dns::Answer forward = dns::without_records(dns::Outcome::Found);
  forward.records().addresses = {facts.client.address};
  for (const dns::Question& question : dns::forward_questions(facts.client.address, ptr)) {
    facts.dns.answer(question, forward);
  }
}

Findings found(const std::string& toml, const SessionFacts& facts) {
  const Configured configured = configure(toml);
  EXPECT_THAT(configured.errors, IsEmpty());
  Findings findings;
  configured.filter->judge(facts, findings);
  return findings;
}

TEST(Rule, LooksAtTheAutonomousSystemOnceItIsKnown) {
  Site site;
  auto sources = std::make_shared<OriginSources>();
  sources->asks_cymru = true;
  site.access.origins = sources;
  const auto document =
      conf::Document::parse(rule("asn = '^64500\\b'\naction = \"refuse\""), "t").value();
  conf::Reading reading(document);
  conf::Reader root = reading.root();
  const auto filter = kRule.make(root, site);
  EXPECT_THAT(reading.report().errors(), IsEmpty());
  SessionFacts facts = facts_of("mx.example.net");
  std::vector<dns::Question> questions;
  filter->wants(facts, questions);
  ASSERT_EQ(questions.size(), 1U);
  const auto judged = [&](const std::string& text) {
    SessionFacts answered = facts;
    dns::Answer answer =
        dns::without_records(text.empty() ? dns::Outcome::ServerFailure : dns::Outcome::Found);
    answer.records().texts = {text};
    answered.dns.answer(questions[0], answer);
    Findings findings;
    filter->judge(answered, findings);
    return findings;
  };
  const Findings hit = judged("64500 | 192.0.2.0/24 | | |");
  ASSERT_EQ(hit.size(), 1U);
  EXPECT_EQ(hit[0].detail, "asn=64500");
  EXPECT_THAT(judged("64501 | 192.0.2.0/24 | | |"), IsEmpty());
  const Findings trouble = judged("");
  ASSERT_EQ(trouble.size(), 1U);
  EXPECT_EQ(trouble[0].outcome, Outcome::TempError);
}

TEST(Rule, NeedsASourceOfNumbers) {
  EXPECT_THAT(configure(rule("asn = '^64500'\naction = \"refuse\"")).errors,
              ElementsAre(HasSubstr("rule.asn: needs asn.file, or asn.cymru = true")));
}

TEST(Rule, MatchesAnywhereAndInAnyCaseWithTheFactsAsEvidence) {
  const auto findings = found(rule("helo = '^desktop-[a-z0-9]+$'\nclient = '2\\.9$'\nscore = 4\n"),
                              facts_of("DESKTOP-1A2B"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(name_of(findings[0]), "rule.mine");
  EXPECT_EQ(findings[0].outcome, Outcome::Fail);
  EXPECT_EQ(findings[0].weight, points(4));
  EXPECT_EQ(findings[0].detail, "client=192.0.2.9 helo=DESKTOP-1A2B");
}

TEST(Rule, NeedsAllOfItsPatterns) {
  const std::string toml = rule("helo = 'desktop'\nclient = '^198'\nscore = 4\n");
  EXPECT_THAT(found(toml, facts_of("DESKTOP-1A2B")), IsEmpty());
}

TEST(Rule, WaitsForWhatIsNotKnownYet) {
  const std::string toml = rule("sender = '@example\\.com$'\nhelo = 'x'\nscore = 4\n");
  SessionFacts facts = facts_of("xyz");
  EXPECT_THAT(found(toml, facts), IsEmpty());
  facts.sender = Mailbox{"a", "example.com", ""};
  EXPECT_EQ(found(toml, facts).size(), 1U);
}

TEST(Rule, APatternBehindAnExclamationMarkMustNotMatch) {
  const std::string toml = rule("helo = 'google\\.com$'\nptr = '!\\.google\\.com$'\nscore = 6\n");
  SessionFacts facts = facts_of("mail.google.com");
  EXPECT_THAT(found(toml, facts), IsEmpty());
  answer_reverse(facts, "dsl.example.net");
  EXPECT_EQ(found(toml, facts).size(), 1U);
  SessionFacts genuine = facts_of("mail.google.com");
  answer_reverse(genuine, "mail.google.com");
  EXPECT_THAT(found(toml, genuine), IsEmpty());
}

TEST(Rule, LooksAtEveryConfirmedName) {
  const auto facts_with = [](dns::Outcome second) {
    SessionFacts facts = facts_of("x");
    dns::Answer ptr = dns::without_records(dns::Outcome::Found);
    ptr.records().names = {"a.example.net", "b.friend.example"};
    facts.dns.answer({dns::reverse_name(facts.client.address), dns::RecordType::PTR}, ptr);
    dns::Answer forward = dns::without_records(dns::Outcome::Found);
    forward.records().addresses = {facts.client.address};
    for (const dns::Question& question : dns::forward_questions(facts.client.address, ptr)) {
      const bool is_found = question.name == "a.example.net" || second == dns::Outcome::Found;
      facts.dns.answer(question, is_found ? forward : dns::without_records(second));
    }
    return facts;
  };
  const std::string is_friend = rule("ptr = 'friend'\nscore = 1\n");
  const std::string is_stranger = rule("ptr = '!friend'\nscore = 1\n");
  const SessionFacts both = facts_with(dns::Outcome::Found);
  ASSERT_EQ(found(is_friend, both).size(), 1U);
  EXPECT_EQ(found(is_friend, both)[0].detail, "ptr=b.friend.example");
  EXPECT_THAT(found(is_stranger, both), IsEmpty());
  // The name that is not known could be the one.
  const SessionFacts trouble = facts_with(dns::Outcome::Timeout);
  for (const std::string& toml : {is_friend, is_stranger}) {
    ASSERT_EQ(found(toml, trouble).size(), 1U);
    EXPECT_EQ(found(toml, trouble)[0].outcome, Outcome::TempError);
  }
  EXPECT_EQ(found(rule("ptr = 'a\\.example'\nscore = 1\n"), trouble)[0].outcome, Outcome::Fail);
}

TEST(Rule, TroubleWithTheReverseDnsIsNoEvidence) {
  const std::string toml = rule("helo = 'google\\.com$'\nptr = '!\\.google\\.com$'\nscore = 6\n");
  SessionFacts facts = facts_of("mail.google.com");
  facts.dns.answer({dns::reverse_name(facts.client.address), dns::RecordType::PTR},
                   dns::without_records(dns::Outcome::ServerFailure));
  const auto findings = found(toml, facts);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].outcome, Outcome::TempError);
  // What cannot match whatever the name is needs no name.
  facts.helo = "other.example";
  EXPECT_THAT(found(toml, facts), IsEmpty());
}

TEST(Rule, AScoreBelowZeroTakesFromTheSumAndIsHopedForWhileItIsOpen) {
  const Configured configured = configure(rule("ptr = '\\.friend\\.example$'\nscore = -5\n"));
  SessionFacts facts = facts_of("x.example");
  EXPECT_EQ(configured.filter->hope(facts), -5);
  answer_reverse(facts, "mx.friend.example");
  EXPECT_EQ(configured.filter->hope(facts), 0);
  Findings findings;
  configured.filter->judge(facts, findings);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].outcome, Outcome::Pass);
  EXPECT_EQ(findings[0].weight, points(-5));
}

TEST(Rule, AsksForTheNameOnlyWhereARuleLooksAtIt) {
  std::vector<dns::Question> wanted;
  configure(rule("helo = 'x'\nscore = 1\n")).filter->wants(facts_of("x"), wanted);
  EXPECT_THAT(wanted, IsEmpty());
  configure(rule("ptr = 'x'\nscore = 1\n")).filter->wants(facts_of("x"), wanted);
  EXPECT_EQ(wanted.size(), 1U);
}

struct Deed {
  const char* action;
  Verdict::Kind kind;
};

TEST(Rule, DoesWhatItsActionSays) {
  for (const auto& [action, kind] :
       {Deed{"refuse", Verdict::Kind::Refuse}, Deed{"drop", Verdict::Kind::Drop},
        Deed{"discard", Verdict::Kind::Discard}, Deed{"observe", Verdict::Kind::Pass},
        Deed{"off", Verdict::Kind::Pass}}) {
    const auto rules = test::rulebook_of(
        rule("helo = '^desktop'\ntext = \"no home computers\"\naction = \"") + action + "\"\n");
    SessionFacts facts = facts_of("DESKTOP-1");
    facts.recipient = Mailbox{"user", "example.org", ""};
    const Verdict verdict = Judge(*rules, *rules->policies.find("default")).of_recipient(facts);
    EXPECT_EQ(verdict.kind, kind) << action;
    if (verdict.refuses()) {
      EXPECT_EQ(verdict.text, "refused: no home computers (rule.mine)") << action;
    }
  }
}

TEST(Rule, OneThatLooksAtTheSenderIsAboutThisMessage) {
  const auto rules = test::rulebook_of(rule("sender = '^bad@'\naction = \"refuse\"\n"));
  Judge judge(*rules, *rules->policies.find("default"));
  SessionFacts facts = facts_of("x.example");
  facts.recipient = Mailbox{"user", "example.org", ""};
  facts.sender = Mailbox{"bad", "example.com", ""};
  EXPECT_EQ(judge.of_recipient(facts).kind, Verdict::Kind::Refuse);
  facts.sender = Mailbox{"good", "example.com", ""};
  EXPECT_EQ(judge.of_recipient(facts).kind, Verdict::Kind::Pass);
}

TEST(Rule, CondemnedIsWhoIsRefusedForGoodWhateverItSends) {
  const auto rules = test::rulebook_of(
      "[[rule]]\nname = \"sender\"\nsender = '^bad@'\naction = \"refuse\"\n"
      "[[rule]]\nname = \"home\"\nhelo = '^home'\naction = \"refuse\"\n"
      "[[rule]]\nname = \"later\"\nhelo = '^later'\nscore = 5\n"
      "[policy.default]\nposture = \"balanced\"\n"
      "[policy.default.thresholds]\ndefer = 4\nreject = 10\n");
  const Judge judge(*rules, *rules->policies.find("default"));
  SessionFacts facts = facts_of("x.example");
  facts.sender = Mailbox{"bad", "example.com", ""};
  EXPECT_TRUE(judge.of_client(facts).refuses());
  EXPECT_FALSE(judge.is_condemned(facts));
  facts.sender = Mailbox{"good", "example.com", ""};
  facts.helo = "later.example";
  EXPECT_EQ(judge.of_client(facts).kind, Verdict::Kind::Defer);
  EXPECT_FALSE(judge.is_condemned(facts));
  facts.helo = "home.example";
  EXPECT_TRUE(judge.is_condemned(facts));
}

// Who is refused by a sum that one recipient or sender has added to may reach the next one.
TEST(Rule, AScoreThatARecipientOrSenderBroughtIsNotTheClients) {
  const auto rules = test::rulebook_of(
      "[[rule]]\nname = \"sales\"\nrecipient = '^sales@'\nscore = 12\n"
      "[[rule]]\nname = \"bad\"\nsender = '^bad@'\nscore = 12\n"
      "[[rule]]\nname = \"home\"\nhelo = '^home'\nscore = 12\n");
  const NamedPolicy& policy = *rules->policies.find("default");
  SessionFacts facts = facts_of("x.example");
  const auto asked = [&](Judge& judge, const char* sender, const char* recipient) {
    facts.sender = Mailbox{sender, "example.com", ""};
    facts.recipient = Mailbox{recipient, "example.org", ""};
    return judge.of_recipient(facts).kind;
  };
  Judge judge(*rules, policy);
  EXPECT_EQ(asked(judge, "good", "sales"), Verdict::Kind::Refuse);
  EXPECT_EQ(asked(judge, "good", "bob"), Verdict::Kind::Pass);
  EXPECT_EQ(asked(judge, "bad", "bob"), Verdict::Kind::Refuse);
  EXPECT_EQ(asked(judge, "good", "bob"), Verdict::Kind::Pass);

  facts.helo = "home.example";
  EXPECT_EQ(asked(judge, "good", "sales"), Verdict::Kind::Refuse);
  facts.helo = "x.example";  // what the client was refused for sticks
  EXPECT_EQ(asked(judge, "good", "bob"), Verdict::Kind::Refuse);
}

TEST(Rule, LooksAtAnAddressWithoutQuotesThatItDoesNotNeed) {
  SessionFacts facts = facts_of("x");
  facts.sender = Mailbox{"\"b\\ad\"", "example.com", ""};
  EXPECT_EQ(found(rule("sender = '^bad@'\nscore = 1\n"), facts).size(), 1U);
}

TEST(Rule, TakesAnyBytesAndPatternsThatWouldHangOthers) {
  SessionFacts facts = facts_of(std::string(255, 'a'));
  EXPECT_THAT(found(rule("helo = '(a+)+$b'\nscore = 1\n"), facts), IsEmpty());
  facts.sender = Mailbox{"\xff\xfe\x80", "example.org", ""};
  EXPECT_EQ(found(rule("sender = '@example'\nscore = 1\n"), facts).size(), 1U);
}

struct BadRule {
  std::string toml;
  const char* told;
};

TEST(Rule, TellsWhatIsWrongWithItsPlace) {
  for (const auto& [toml, told] : std::vector<BadRule>{
           {rule("helo = '(unclosed'\nscore = 1\n"),
            "t:3:8: rule.helo: found \"(unclosed\", which is no pattern of RE2: missing )"},
           {rule("helo = '(?=ahead)'\nscore = 1\n"), "which is no pattern of RE2"},
           {rule("helo = '((a{100}){100}){100}'\nscore = 1\n"), "which is no pattern of RE2"},
           {rule("helo = '!'\nscore = 1\n"), "allowed: a pattern of 1 to 1000"},
           {rule("helo = '" + std::string(1001, 'a') + "'\nscore = 1\n"), "found 1001 characters"},
           {rule("score = 1\n"), "no pattern; expected one of client"},
           {rule("helo = 'x'\n"), "rule.score: missing"},
           {rule("helo = 'x'\naction = \"reject\"\n"), "allowed: score, observe, refuse"},
           {rule("helo = 'x'\nscore = 1\ntext = \"\\u00e9\"\n"), "printable ASCII"},
           {"[[rule]]\nhelo = 'x'\nscore = 1\n", "rule.name: missing"},
           {"[[rule]]\nname = \"a b\"\nhelo = 'x'\nscore = 1\n", "found \"a b\""},
           {rule("helo = 'x'\nscore = 1\n") + rule("helo = 'y'\nscore = 1\n"),
            "\"mine\" is taken by another rule"},
       }) {
    EXPECT_THAT(configure(toml).errors, ElementsAre(HasSubstr(told))) << toml;
  }
}

TEST(Rule, TakesAHundredRulesAndNoMore) {
  std::string toml;
  for (int i = 0; i < 101; ++i) {
    toml += "[[rule]]\nname = \"r" + std::to_string(i) + "\"\nhelo = 'x'\nscore = 1\n";
  }
  EXPECT_THAT(configure(toml).errors, testing::Contains(HasSubstr("more than 100 rules")));
}

}  // namespace
}  // namespace smtpguard::filters
