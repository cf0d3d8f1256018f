// The filter dnsbl, as a table: what is configured, what the list answers, what is found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/document.hpp"
#include "conf/reader.hpp"
#include "dns/fake_resolver.hpp"
#include "dns/reverse_name.hpp"
#include "filters/judge.hpp"
#include "filters/registry.hpp"

namespace smtpguard::filters {

extern const FilterKind kDnsbl;

namespace {

using dns::RecordType;

const std::string kZen = "[dnsbl]\nzones = [\"zen.spamhaus.org\"]\n";
const std::string kBoth = "[dnsbl]\nzones = [\"zen.spamhaus.org\", \"list.dnswl.org\"]\n";

std::string own(const std::string& keys) {
  return "[[dnsbl.list]]\nzone = \"bl.example\"\n" + keys;
}

struct Configured {
  std::unique_ptr<const Filter> filter;
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};

Configured configure(const std::string& toml) {
  const auto document = conf::Document::parse(toml, "t").value();
  conf::Reading reading(document);
  conf::Reader root = reading.root();
  Site site;
  site.lists = read_dns_lists(root);
  Configured configured;
  configured.filter = kDnsbl.make(root, site);
  root.section("dns").strings("servers");
  reading.finish();
  configured.errors = reading.report().errors();
  configured.warnings = reading.report().warnings();
  return configured;
}

SessionFacts facts_of(const std::string& client) {
  SessionFacts facts;
  facts.client = {IpAddress::parse(client).value(), 4000};
  return facts;
}

// Asks all that the filter wants, of answers in the form of an answers file.
void answer(const Filter& filter, SessionFacts& facts, const std::string& answers) {
  const dns::FakeAnswers known = dns::FakeAnswers::parse(answers).value();
  std::vector<dns::Question> wanted;
  filter.wants(facts, wanted);
  for (const dns::Question& question : wanted) {
    facts.dns.answer(question, known.find(question).answer);
  }
}

Findings judge_with(const std::string& toml, const std::string& client,
                    const std::string& answers) {
  const Configured configured = configure(toml);
  EXPECT_THAT(configured.errors, testing::IsEmpty());
  SessionFacts facts = facts_of(client);
  answer(*configured.filter, facts, answers);
  Findings findings;
  configured.filter->judge(facts, findings);
  return findings;
}

// "dnsbl.zen fail score=8 zen.spamhaus.org 127.0.0.2 SBL (spam source)"
std::string told(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += text.empty() ? "" : " | ";
    text += name_of(finding) + ' ' + std::string(to_string(finding.outcome));
    if (finding.weight) {
      text += ' ' + std::string(to_string(finding.weight->mode)) + '=' +
              std::to_string(finding.weight->score);
    }
    text += finding.detail.empty() ? "" : ' ' + finding.detail;
  }
  return text;
}

struct Case {
  std::string name;
  std::string toml;
  std::string answers;
  std::string expected;
  std::string client = "192.0.2.9";
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

class DnsblTable : public testing::TestWithParam<Case> {};

TEST_P(DnsblTable, Finds) {
  const Case& one = GetParam();
  EXPECT_EQ(told(judge_with(one.toml, one.client, one.answers)), one.expected);
}

const std::string kZenName = "9.2.0.192.zen.spamhaus.org";
const std::string kOwnName = "9.2.0.192.bl.example";
const std::string kWhiteName = "9.2.0.192.list.dnswl.org";

std::vector<Case> cases() {
  return {
      {"NotListed", kZen, "", "dnsbl.zen pass"},
      {"NoData", kZen, kZenName + " A NODATA", "dnsbl.zen pass"},
      {"Sbl", kZen, kZenName + " A 60 127.0.0.2",
       "dnsbl.zen fail score=8 zen.spamhaus.org 127.0.0.2 SBL (spam source)"},
      {"Pbl", kZen, kZenName + " A 60 127.0.0.10",
       "dnsbl.zen fail score=6 zen.spamhaus.org 127.0.0.10 PBL (sends no mail directly)"},
      {"TheHeaviestOfSeveralCodesCounts", kZen, kZenName + " A 60 127.0.0.11 127.0.0.4",
       "dnsbl.zen fail score=8 zen.spamhaus.org 127.0.0.4 XBL (exploit), 127.0.0.11 PBL (sends no "
       "mail directly)"},
      {"ACodeThatIsNotConfiguredIsNoListing", kZen, kZenName + " A 60 127.0.0.77",
       "dnsbl.zen pass"},
      {"PublicResolver", kZen, kZenName + " A 60 127.255.255.254",
       "dnsbl.zen temperror zen.spamhaus.org: 127.255.255.254: the list does not answer public "
       "resolvers"},
      {"TooMany", kZen, kZenName + " A 60 127.255.255.255",
       "dnsbl.zen temperror zen.spamhaus.org: 127.255.255.255: too many queries"},
      {"AnErrorAmongListings", kZen, kZenName + " A 60 127.0.0.2 127.255.255.252",
       "dnsbl.zen temperror zen.spamhaus.org: 127.255.255.252: there is no such list: a typing "
       "error in the zone"},
      {"OutsideOfLoopback", own(""), kOwnName + " A 60 198.51.100.1",
       "dnsbl.bl.example temperror bl.example: 198.51.100.1: not an answer of a list: its domain "
       "was given up, or the resolver invents answers"},
      {"Blocked", own(""), kOwnName + " A 60 127.0.0.1",
       "dnsbl.bl.example temperror bl.example: 127.0.0.1: lists refuse by this code; it is no "
       "listing"},
      {"Timeout", kZen, kZenName + " A TIMEOUT", "dnsbl.zen temperror zen.spamhaus.org: timeout"},
      {"Refused", kZen, kZenName + " A REFUSED", "dnsbl.zen temperror zen.spamhaus.org: refused"},
      {"ServerFailure", kZen, kZenName + " A SERVFAIL",
       "dnsbl.zen temperror zen.spamhaus.org: server_failure"},
      {"Malformed", kZen, kZenName + " A MALFORMED",
       "dnsbl.zen temperror zen.spamhaus.org: malformed"},
      {"TooManyQuestionsHere", kZen, kZenName + " A NOTASKED",
       "dnsbl.zen temperror zen.spamhaus.org: not_asked"},
      {"DnswlMedium", kBoth, kWhiteName + " A 60 127.0.5.2",
       "dnsbl.zen pass | dnsbl.dnswl pass score=-4 list.dnswl.org 127.0.5.2 trust medium"},
      {"DnswlHigh", kBoth, kWhiteName + " A 60 127.0.5.3",
       "dnsbl.zen pass | dnsbl.dnswl pass score=-8 list.dnswl.org 127.0.5.3 trust high"},
      {"DnswlBlockedIsNotTrusted", kBoth, kWhiteName + " A 60 127.0.0.255",
       "dnsbl.zen pass | dnsbl.dnswl temperror list.dnswl.org: 127.0.0.255: the list refuses your "
       "resolver"},
      {"DnswlTestEntryIsNobody", kBoth, kWhiteName + " A 60 127.0.10.0",
       "dnsbl.zen pass | dnsbl.dnswl skip"},
      {"OwnCodesAndWords",
       own("label = \"ours\"\ncodes = [\"127.0.0.[2..5] 3 spam\", "
           "\"127.0.1.9 7\"]"),
       kOwnName + " A 60 127.0.0.3 127.0.1.9",
       "dnsbl.ours fail score=7 bl.example 127.0.0.3 spam, 127.0.1.9"},
      {"OwnScore", own("score = 2"), kOwnName + " A 60 127.0.0.3",
       "dnsbl.bl.example fail score=2 bl.example 127.0.0.3"},
      {"OwnAllowList", own("kind = \"allow\"\nscore = 3"), kOwnName + " A 60 127.0.0.3",
       "dnsbl.bl.example pass score=-3 bl.example 127.0.0.3"},
      {"Required", own("mode = \"require\""), kOwnName + " A 60 127.0.0.3",
       "dnsbl.bl.example fail require=4 bl.example 127.0.0.3"},
      {"Observed", own("mode = \"observe\""), kOwnName + " A 60 127.0.0.3",
       "dnsbl.bl.example fail observe=4 bl.example 127.0.0.3"},
      {"Off", own("mode = \"off\""), kOwnName + " A 60 127.0.0.3", ""},
      {"Ipv6", kZen,
       "8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.zen.spamhaus.org A 60 "
       "127.0.0.3",
       "dnsbl.zen fail score=8 zen.spamhaus.org 127.0.0.3 CSS (snowshoe spam, poor reputation)",
       "2001:db8::8"},
      {"Ipv6IsNotAskedOfAListWithoutIt", own("ipv6 = false"), "", "", "2001:db8::8"},
      {"MappedIpv6IsIpv4", kZen, kZenName + " A 60 127.0.0.2",
       "dnsbl.zen fail score=8 zen.spamhaus.org 127.0.0.2 SBL (spam source)", "::ffff:192.0.2.9"},
      {"AKeyIsNeverShown", "[dnsbl]\nzones = [\"abcdefghijklmnopqrstuvwxyz.zen.dq.spamhaus.net\"]",
       "9.2.0.192.abcdefghijklmnopqrstuvwxyz.zen.dq.spamhaus.net A 60 127.0.0.2",
       "dnsbl.zen fail score=8 (key).zen.dq.spamhaus.net 127.0.0.2 SBL (spam source)"},
  };
}

INSTANTIATE_TEST_SUITE_P(Answers, DnsblTable, testing::ValuesIn(cases()),
                         [](const auto& one) { return one.param.name; });

const std::string kNames =
    "[[dnsbl.list]]\nzone = \"dbl.example\"\nabout = [\"helo\", \"ptr\", \"sender\"]\n";

Findings judge_names(const std::string& helo, const std::string& sender,
                     const std::string& answers) {
  const Configured configured = configure(kNames);
  EXPECT_THAT(configured.errors, testing::IsEmpty());
  SessionFacts facts = facts_of("192.0.2.9");
  facts.helo = helo;
  facts.sender = Mailbox{"a", sender, ""};
  for (int round = 0; round < 3; ++round) {
    answer(*configured.filter, facts, answers);
  }
  Findings findings;
  configured.filter->judge(facts, findings);
  return findings;
}

TEST(DnsblNames, AreTheDomainsOfHeloReverseNameAndSender) {
  EXPECT_EQ(
      told(judge_names("mx.spam.com", "news.good.co.uk", "spam.com.dbl.example A 60 127.0.0.2\n")),
      "dnsbl.dbl.example fail score=4 dbl.example helo spam.com 127.0.0.2 | "
      "dnsbl.dbl.example.sender pass");
  const Findings sender =
      judge_names("mx.good.com", "news.spam.co.uk", "spam.co.uk.dbl.example A 60 127.0.0.2\n");
  EXPECT_EQ(told(sender),
            "dnsbl.dbl.example pass | dnsbl.dbl.example.sender fail score=4 dbl.example sender "
            "spam.co.uk 127.0.0.2");
  EXPECT_EQ(about_of(sender[1]), filters::Test::About::Sender);
  EXPECT_EQ(sender[1].says, "the domain of the sender is listed by dbl.example");
}

TEST(DnsblNames, ADomainThatIsThereTwiceCountsOnce) {
  EXPECT_EQ(told(judge_names("mx.spam.com", "spam.com", "spam.com.dbl.example A 60 127.0.0.2\n")),
            "dnsbl.dbl.example fail score=4 dbl.example helo spam.com 127.0.0.2");
}

TEST(DnsblNames, AReverseNameCountsWhenItIsConfirmed) {
  const std::string listed = "192.0.2.9 PTR 60 mx.spam.com\nspam.com.dbl.example A 60 127.0.0.2\n";
  EXPECT_EQ(told(judge_names("[192.0.2.9]", "", listed)), "");
  EXPECT_EQ(told(judge_names("[192.0.2.9]", "", listed + "mx.spam.com A 60 192.0.2.9\n")),
            "dnsbl.dbl.example fail score=4 dbl.example ptr spam.com 127.0.0.2");
}

TEST(Dnsbl, AsksForIpv6NetworksWhereAListHasThose) {
  const Configured configured = configure(own("ipv6_nibbles = 16"));
  EXPECT_THAT(configured.errors, testing::IsEmpty());
  std::vector<dns::Question> wanted;
  configured.filter->wants(facts_of("2001:db8:1:2::8"), wanted);
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted[0].name, "2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example");
}

TEST(Dnsbl, AListMayWorkForIpv4Alone) {
  const Configured configured = configure(own(""));
  auto health = std::make_shared<dns::ListHealth>();
  health->ipv6_troubles["bl.example"] = "IPv6: it does not list its test entry";
  for (const auto& [client, questions] : {std::pair("192.0.2.9", 1U), {"2001:db8::8", 0U}}) {
    SessionFacts facts = facts_of(client);
    facts.lists = health;
    std::vector<dns::Question> wanted;
    configured.filter->wants(facts, wanted);
    EXPECT_EQ(wanted.size(), questions) << client;
  }
}

TEST(DnsLists, HideKeysInTheNamesThatWereAsked) {
  const auto document =
      conf::Document::parse("[dnsbl]\nzones = [\"abcdefghijklmnopqrstuvwxyz.zen.dq.spamhaus.net\"]",
                            "t")
          .value();
  conf::Reading reading(document);
  conf::Reader root = reading.root();
  const auto lists = read_dns_lists(root);
  EXPECT_EQ(masked_name("9.2.0.192.abcdefghijklmnopqrstuvwxyz.zen.dq.spamhaus.net", lists),
            "9.2.0.192.(key).zen.dq.spamhaus.net");
  EXPECT_EQ(masked_name("mail.example.net", lists), "mail.example.net");
}

TEST(Dnsbl, AnOpenQuestionIsNoFinding) {
  const Configured configured = configure(kZen);
  const SessionFacts facts = facts_of("192.0.2.9");
  Findings findings;
  configured.filter->judge(facts, findings);
  EXPECT_EQ(told(findings), "dnsbl.zen skip");
}

TEST(Dnsbl, HopesForAllowListsThatHaveNotAnswered) {
  const Configured configured = configure(kBoth);
  SessionFacts facts = facts_of("192.0.2.9");
  EXPECT_EQ(configured.filter->hope(facts), 0) << "nothing was asked";
  std::vector<dns::Question> wanted;
  configured.filter->wants(facts, wanted);
  for (const dns::Question& question : wanted) {
    facts.dns.ask(question);
  }
  EXPECT_EQ(configured.filter->hope(facts), -8);
  facts.dns.answer({kWhiteName, RecordType::A}, dns::without_records(dns::Outcome::NoSuchName));
  EXPECT_EQ(configured.filter->hope(facts), 0);
}

TEST(Dnsbl, AListThatFailsItsSelfTestIsNotAskedAndSaysNothing) {
  const Configured configured = configure(kBoth);
  SessionFacts facts = facts_of("192.0.2.9");
  auto health = std::make_shared<dns::ListHealth>();
  health->troubles["zen.spamhaus.org"] = "it lists 127.0.0.1";
  facts.lists = health;
  std::vector<dns::Question> wanted;
  configured.filter->wants(facts, wanted);
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted.front().name, kWhiteName);
  Findings findings;
  configured.filter->judge(facts, findings);
  EXPECT_EQ(told(findings),
            "dnsbl.zen temperror zen.spamhaus.org: it lists 127.0.0.1 | dnsbl.dnswl skip");
}

Verdict verdict_of(const std::string& toml, const std::string& answers, const Policy& policy) {
  const Findings findings = judge_with(toml, "192.0.2.9", answers);
  return judge(policy, {findings});
}

TEST(Dnsbl, TellsTheSenderWhichListAndWhereToAsk) {
  const Verdict verdict = verdict_of(kZen, kZenName + " A 60 127.0.0.2", Policy(Posture::Balanced));
  EXPECT_EQ(verdict.kind, Verdict::Kind::Refuse);
  EXPECT_EQ(verdict.text,
            "refused: 192.0.2.9 is listed by zen.spamhaus.org, see "
            "https://check.spamhaus.org/query/ip/192.0.2.9 (dnsbl.zen)");
}

TEST(Dnsbl, WeighsAsThePolicySays) {
  const std::string listed = kZenName + " A 60 127.0.0.10";
  EXPECT_EQ(verdict_of(kZen, listed, Policy(Posture::Lenient)).score, 6);
  EXPECT_EQ(verdict_of(kZen, listed, Policy(Posture::Balanced)).kind, Verdict::Kind::Defer);
  EXPECT_EQ(verdict_of(kZen, listed, Policy(Posture::Strict)).kind, Verdict::Kind::Refuse);

  const Verdict observed = verdict_of(kZen, listed, Policy(Posture::Observe));
  EXPECT_EQ(observed.score, 0);
  EXPECT_EQ(observed.would_score, 6);

  Policy off(Posture::Strict);
  off.set_weight(*find_test("dnsbl"), kOff);
  EXPECT_EQ(verdict_of(kZen, listed, off), Verdict{});
}

TEST(Dnsbl, AnObservedListTellsWhatItWouldHaveDone) {
  const Verdict verdict = verdict_of(own("mode = \"observe\"\nscore = 9"),
                                     kOwnName + " A 60 127.0.0.2", Policy(Posture::Balanced));
  EXPECT_EQ(verdict.kind, Verdict::Kind::Pass);
  EXPECT_EQ(verdict.would_be, Verdict::Kind::Refuse);
  ASSERT_EQ(verdict.observed.size(), 1U);
  EXPECT_EQ(to_string(verdict.observed.front()), "dnsbl.bl.example=9");
}

TEST(Dnsbl, TroubleOfAllListsRefusesNobody) {
  for (const char* outcome : {"TIMEOUT", "REFUSED", "SERVFAIL", "MALFORMED", "NOTASKED"}) {
    const Verdict verdict =
        verdict_of(own("mode = \"require\""), kOwnName + " A " + outcome, Policy(Posture::Strict));
    EXPECT_EQ(verdict.kind, Verdict::Kind::Pass) << outcome;
    EXPECT_EQ(verdict.unknown.size(), 1U) << outcome;
  }
}

TEST(Dnsbl, AGoodNameOutweighsAListing) {
  const Verdict verdict =
      verdict_of(kBoth, kZenName + " A 60 127.0.0.2\n" + kWhiteName + " A 60 127.0.5.3",
                 Policy(Posture::Strict));
  EXPECT_EQ(verdict.kind, Verdict::Kind::Pass);
  EXPECT_EQ(verdict.score, 0);
}

TEST(DnsblSettings, TellWhatIsWrong) {
  struct Wrong {
    std::string toml;
    std::string part;
  };
  for (const Wrong& one : {
           Wrong{"[dnsbl]\nzones = [\"zen\"]", "\"zen\" is no zone"},
           Wrong{"[dnsbl]\nzones = [\"192.0.2.1\"]", "is no zone"},
           Wrong{"[dnsbl]\nzones = [\"a.example\", \"A.EXAMPLE\"]", "is there twice"},
           Wrong{"[[dnsbl.list]]\nscore = 2", "dnsbl.list.zone: missing"},
           Wrong{own("codes = [\"127.0.0\"]"), "allowed: a code"},
           Wrong{own("codes = [\"127.0.0.2 -3\"]"), "127.0.0.2 -3"},
           Wrong{own("kind = \"allow\"\nmode = \"require\""), "is for lists that block"},
           Wrong{own("label = \"a b\""), "bad label"},
           Wrong{own("sorce = 3"), "score"},
           Wrong{own("about = [\"hello\"]"), "did you mean \"helo\""},
           Wrong{own("about = [\"address\", \"ptr\"]"), "addresses or names, not both"},
           Wrong{own("kind = \"allow\"\nabout = [\"helo\"]"), "anybody can say any HELO"},
           Wrong{own("ipv4 = false\nipv6_nibbles = 16"), "say self_test = false"},
       }) {
    EXPECT_THAT(configure(one.toml).errors, testing::Contains(testing::HasSubstr(one.part)))
        << one.toml;
  }
}

TEST(DnsblSettings, WarnOfListsThatAreNoMore) {
  EXPECT_THAT(configure("[dnsbl]\nzones = [\"dnsbl.sorbs.net\"]").warnings,
              testing::Contains(testing::HasSubstr("closed in 2024")));
}

TEST(DnsblSettings, WarnOfPublicResolversThatListsDoNotAnswer) {
  const std::string ours = "[dns]\nservers = [\"127.0.0.1\"]\n";
  const std::string theirs = "[dns]\nservers = [\"8.8.8.8\"]\n";
  const auto says = testing::HasSubstr("does not answer the public resolver of Google");
  EXPECT_THAT(configure(kZen + theirs).warnings, testing::Contains(says));
  EXPECT_THAT(configure(kZen + ours).warnings, testing::Not(testing::Contains(says)));
  EXPECT_THAT(configure(own("") + theirs).warnings, testing::Not(testing::Contains(says)));
}

TEST(DnsblSettings, KnownListsBringTheirCodes) {
  const auto document = conf::Document::parse(kBoth, "t").value();
  conf::Reading reading(document);
  conf::Reader root = reading.root();
  const auto lists = read_dns_lists(root);
  ASSERT_EQ(lists.size(), 2U);
  EXPECT_EQ(lists[0].kind, dns::ListKind::Block);
  EXPECT_EQ(lists[0].least_score(), 0);
  EXPECT_EQ(lists[1].kind, dns::ListKind::Allow);
  EXPECT_EQ(lists[1].least_score(), -8);
}

}  // namespace
}  // namespace smtpguard::filters
