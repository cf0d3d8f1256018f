#include "dns/dns_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "dns/known_lists.hpp"
#include "dns/list_health.hpp"
#include "dns/retired_lists.hpp"

namespace smtpguard::dns {
namespace {

using testing::HasSubstr;

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

Answer found(const std::vector<const char*>& codes) {
  Answer answer;
  answer.outcome = Outcome::Found;
  for (const char* code : codes) {
    answer.records().addresses.push_back(address(code));
  }
  return answer;
}

std::vector<CodePattern> patterns(const std::vector<const char*>& texts) {
  std::vector<CodePattern> out;
  for (const char* text : texts) {
    out.push_back(CodePattern::parse(text).value());
  }
  return out;
}

struct Match {
  const char* pattern;
  const char* code;
  bool matches;
};

void PrintTo(const Match& match, std::ostream* out) {
  *out << match.pattern << " and " << match.code;
}

class CodePatternMatch : public testing::TestWithParam<Match> {};

TEST_P(CodePatternMatch, HoldsExactlyItsCodes) {
  const auto pattern = CodePattern::parse(GetParam().pattern);
  ASSERT_TRUE(pattern.has_value()) << pattern.error().text;
  EXPECT_EQ(pattern->matches(address(GetParam().code)), GetParam().matches);
  EXPECT_EQ(pattern->text(), GetParam().pattern);
}

INSTANTIATE_TEST_SUITE_P(Forms, CodePatternMatch,
                         testing::Values(Match{"127.0.0.2", "127.0.0.2", true},
                                         Match{"127.0.0.2", "127.0.0.3", false},
                                         Match{"127.0.0.2", "127.0.1.2", false},
                                         Match{"127.0.0.2", "128.0.0.2", false},
                                         Match{"127.0.0.[2..11]", "127.0.0.2", true},
                                         Match{"127.0.0.[2..11]", "127.0.0.11", true},
                                         Match{"127.0.0.[2..11]", "127.0.0.1", false},
                                         Match{"127.0.0.[2..11]", "127.0.0.12", false},
                                         Match{"127.0.0.[2;4;6..8]", "127.0.0.4", true},
                                         Match{"127.0.0.[2;4;6..8]", "127.0.0.7", true},
                                         Match{"127.0.0.[2;4;6..8]", "127.0.0.5", false},
                                         Match{"127.0.[0..255].3", "127.0.255.3", true},
                                         Match{"127.0.[0..255].3", "127.1.0.3", false},
                                         Match{"127.[0;2].[0..9;11].[1..3]", "127.2.11.3", true},
                                         Match{"127.[0;2].[0..9;11].[1..3]", "127.2.10.3", false},
                                         Match{"127.0.0.[2]", "127.0.0.2", true},
                                         Match{"127.0.0.[2..11]", "::7f00:2", false}));

TEST(CodePattern, WhatIsNoneIsToldWithItsBadPart) {
  struct Case {
    const char* text;
    const char* why;
  };
  for (const auto& [text, why] : {
           Case{"", "four parts are needed"},
           Case{"127.0.0", "four parts are needed"},
           Case{"127.0.0.2.5", "\"2.5\" is neither"},
           Case{"127.0.0.2.", "\"2.\" is neither"},
           Case{"127.0.0.", "four parts are needed"},
           Case{"127..0.2", "\"\" is neither"},
           Case{"127.0.0.256", "\"256\" is neither"},
           Case{"127.0.0.0002", "\"0002\" is neither"},
           Case{"127.0.0.-1", "\"-1\" is neither"},
           Case{"127.0.0.x", "\"x\" is neither"},
           Case{"127.0.0.[11..2]", "\"[11..2]\" is neither"},
           Case{"127.0.0.[2..]", "\"[2..]\" is neither"},
           Case{"127.0.0.[]", "\"[]\" is neither"},
           Case{"127.0.0.[2;;4]", "\"[2;;4]\" is neither"},
           Case{"127.0.0.[2,4]", "\"[2,4]\" is neither"},
           Case{"127.0.0.[2..11", "\"[2..11\" is neither"},
           Case{"127.0.[0..3.2", "\"[0..3.2\" is neither"},
           Case{"127.0.0.2..11", "\"2..11\" is neither"},
           Case{"127.0.0.2/24", "\"2/24\" is neither"},
           Case{"192.0.2.1", "begin with 127"},
           Case{"[126..127].0.0.2", "begin with 127"},
           Case{"127.255.255.254", "are error codes"},
           Case{"127.[0..255].[0..255].[0..255]", "are error codes"},
           Case{"127.0.0.\x01", "\\x01"},
       }) {
    const auto pattern = CodePattern::parse(text);
    ASSERT_TRUE(pattern.has_error()) << text;
    EXPECT_THAT(pattern.error().text, HasSubstr(why)) << text;
  }
  EXPECT_THAT(CodePattern::parse(std::string(5000, '[')).error().text, HasSubstr("too long"));
}

struct Judged {
  const char* name;
  std::vector<const char*> answered;
  std::vector<const char*> counted;
  ListKind kind;
  ListAnswer::Kind expected;
  std::vector<const char*> codes;
  const char* meaning;
};

void PrintTo(const Judged& judged, std::ostream* out) {
  *out << judged.name;
}

class ListAnswers : public testing::TestWithParam<Judged> {};

TEST_P(ListAnswers, CountOnlyInsideTheCodes) {
  const Judged& is = GetParam();
  const ListAnswer judged = judge_list(found(is.answered), patterns(is.counted), is.kind);
  EXPECT_EQ(judged.kind, is.expected);
  EXPECT_EQ(judged.codes, found(is.codes).addresses());
  EXPECT_THAT(std::string(judged.meaning), HasSubstr(is.meaning));
  EXPECT_EQ(judged.meaning.empty(), judged.remedy.empty());
}

using Kind = ListAnswer::Kind;
constexpr auto kBlock = ListKind::Block;
constexpr auto kAllow = ListKind::Allow;

INSTANTIATE_TEST_SUITE_P(
    Table, ListAnswers,
    testing::Values(
        Judged{
            "listed", {"127.0.0.4"}, {"127.0.0.[2..11]"}, kBlock, Kind::Listed, {"127.0.0.4"}, ""},
        Judged{"several codes, sorted, without doubles",
               {"127.0.0.11", "127.0.0.4", "127.0.0.4"},
               {"127.0.0.[2..7]", "127.0.0.[10..11]"},
               kBlock,
               Kind::Listed,
               {"127.0.0.4", "127.0.0.11"},
               ""},
        Judged{"one counts, one does not",
               {"127.0.0.10", "127.0.0.4"},
               {"127.0.0.[2..7]"},
               kBlock,
               Kind::Listed,
               {"127.0.0.4"},
               ""},
        Judged{"a code that does not count",
               {"127.0.0.10"},
               {"127.0.0.[2..7]"},
               kBlock,
               Kind::NotListed,
               {"127.0.0.10"},
               ""},
        Judged{"typing error",
               {"127.255.255.252"},
               {"127.0.0.2"},
               kBlock,
               Kind::Error,
               {"127.255.255.252"},
               "typing error"},
        Judged{"public resolver",
               {"127.255.255.254"},
               {"127.0.0.2"},
               kBlock,
               Kind::Error,
               {"127.255.255.254"},
               "public resolvers"},
        Judged{"too many queries",
               {"127.255.255.255"},
               {"127.0.0.2"},
               kBlock,
               Kind::Error,
               {"127.255.255.255"},
               "too many queries"},
        Judged{"another error code",
               {"127.255.255.1"},
               {"127.0.0.2"},
               kBlock,
               Kind::Error,
               {"127.255.255.1"},
               "error code"},
        Judged{"an error code spoils a listing",
               {"127.0.0.2", "127.255.255.254"},
               {"127.0.0.2"},
               kBlock,
               Kind::Error,
               {"127.255.255.254"},
               "public resolvers"},
        Judged{"127.0.0.1",
               {"127.0.0.1"},
               {"127.0.0.2"},
               kBlock,
               Kind::Error,
               {"127.0.0.1"},
               "no listing"},
        Judged{"127.0.0.1 where it is configured",
               {"127.0.0.1"},
               {"127.0.0.1"},
               kBlock,
               Kind::Listed,
               {"127.0.0.1"},
               ""},
        Judged{"DNSWL blocks us",
               {"127.0.0.255"},
               {"127.0.[0..254].[1..3]"},
               kAllow,
               Kind::Error,
               {"127.0.0.255"},
               "refuses your resolver"},
        Judged{"DNSWL blocks us, and a careless pattern has it",
               {"127.0.0.255"},
               {"127.0.[0..254].[0..255]"},
               kAllow,
               Kind::Error,
               {"127.0.0.255"},
               "refuses your resolver"},
        Judged{"DNSWL vouches",
               {"127.0.5.3"},
               {"127.0.[0..254].[1..3]"},
               kAllow,
               Kind::Listed,
               {"127.0.5.3"},
               ""},
        Judged{"a bit mask with all bits",
               {"127.0.0.255"},
               {"127.0.0.[1..255]"},
               kBlock,
               Kind::Listed,
               {"127.0.0.255"},
               ""},
        Judged{"a parked domain",
               {"203.0.113.80"},
               {"127.0.0.2"},
               kBlock,
               Kind::Error,
               {"203.0.113.80"},
               "not an answer of a list"},
        Judged{"a parked domain beside a listing",
               {"127.0.0.2", "203.0.113.80"},
               {"127.0.0.2"},
               kBlock,
               Kind::Error,
               {"203.0.113.80"},
               "not an answer of a list"},
        Judged{"an IPv6 address",
               {"2001:db8::1"},
               {"127.0.0.2"},
               kBlock,
               Kind::Error,
               {"2001:db8::1"},
               "not an answer of a list"},
        Judged{"0.0.0.0 of a rewriting resolver",
               {"0.0.0.0"},
               {"127.0.0.2"},
               kBlock,
               Kind::Error,
               {"0.0.0.0"},
               "not an answer of a list"}));

TEST(ListAnswers, NobodyIsListedWhereNoAnswerIs) {
  const auto codes = patterns({"127.0.0.2"});
  for (const Outcome outcome : {Outcome::NoSuchName, Outcome::NoData}) {
    EXPECT_EQ(judge_list(without_records(outcome), codes, kBlock).kind, Kind::NotListed);
  }
  for (const Outcome outcome : {Outcome::ServerFailure, Outcome::Refused, Outcome::Timeout,
                                Outcome::Malformed, Outcome::NotAsked}) {
    const ListAnswer judged = judge_list(without_records(outcome), codes, kBlock);
    EXPECT_EQ(judged.kind, Kind::Trouble);
    EXPECT_EQ(judged.outcome, outcome);
  }
}

TEST(ListTestEntries, AreThoseOfRfc5782) {
  EXPECT_EQ(test_name(EntryKind::Ipv4, "zen.example"), "1.0.0.127.zen.example");
  EXPECT_EQ(presence_name(EntryKind::Ipv4, "zen.example"), "2.0.0.127.zen.example");
  const std::string name = test_name(EntryKind::Ipv6, "zen.example");
  EXPECT_THAT(name, testing::StartsWith("1.0.0.0.0.0.f.7.f.f.f.f.0.0."));
  EXPECT_EQ(name.size(), 64 + std::string("zen.example").size());
  EXPECT_EQ(std::count(name.begin(), name.end(), '.'), 32 + 1);
}

TEST(ListTestEntries, OfNamesAreNames) {
  EXPECT_EQ(test_name(EntryKind::Name, "dbl.example"), "invalid.dbl.example");
  EXPECT_EQ(presence_name(EntryKind::Name, "dbl.example"), "test.dbl.example");
}

TEST(RetiredLists, HaveAYearAndASource) {
  EXPECT_GT(retired_lists().size(), 10U);
  for (const std::string_view line : retired_lists()) {
    const std::string zone(line.substr(0, line.find(' ')));
    EXPECT_THAT(retirement("x." + zone), testing::MatchesRegex("closed in [12][0-9]+ .https://.*"));
  }
}

TEST(MaskedZone, NeverShowsAKey) {
  struct Case {
    const char* zone;
    const char* shown;
  };
  for (const auto& [zone, shown] : {
           Case{"zen.spamhaus.org", "zen.spamhaus.org"},
           Case{"abcdefghijklmnopqrstuvwx27.zen.dq.spamhaus.net", "(key).zen.dq.spamhaus.net"},
           Case{"ABCDEFGHIJKLMNOPQRSTUVWX27.zen.DQ.Spamhaus.NET", "(key).zen.DQ.Spamhaus.NET"},
           Case{"short.zen.dq.spamhaus.net", "(key).zen.dq.spamhaus.net"},
           Case{"a.b.zen.dq.spamhaus.net", "(key).zen.dq.spamhaus.net"},
           Case{"zen.dq.spamhaus.net", "zen.dq.spamhaus.net"},
           Case{"abcdefghijklmnopqrstuvwxyz012345.combined.mail.abusix.zone",
                "(key).combined.mail.abusix.zone"},
           Case{"bl.abcdefghijklmnopqrstuvwxyz.example", "bl.(key).example"},
           Case{"a-name-with-hyphens-is-no-key.example", "a-name-with-hyphens-is-no-key.example"},
           Case{"", ""},
       }) {
    EXPECT_EQ(masked_zone(zone), shown);
  }
}

TEST(KnownLists, GiveWordsToCodes) {
  struct Case {
    const char* zone;
    const char* code;
    const char* meaning;
  };
  for (const auto& [zone, code, meaning] : {
           Case{"zen.spamhaus.org", "127.0.0.2", "SBL (spam source)"},
           Case{"zen.spamhaus.org", "127.0.0.4", "XBL (exploit)"},
           Case{"KEY.zen.dq.spamhaus.net", "127.0.0.11", "PBL (sends no mail directly)"},
           Case{"ZEN.spamhaus.ORG", "127.0.0.9", "DROP (network of criminals)"},
           Case{"zen.spamhaus.org", "127.0.0.99", ""},
           Case{"list.dnswl.org", "127.0.5.3", "trust high"},
           Case{"list.dnswl.org", "127.0.0.255", ""},
           Case{"notzen.spamhaus.org.example", "127.0.0.2", ""},
           Case{"xzen.spamhaus.org", "127.0.0.2", ""},
       }) {
    EXPECT_EQ(known_meaning(zone, address(code)), meaning) << zone << ' ' << code;
  }
  EXPECT_EQ(known_label("abc.zen.dq.spamhaus.net"), "zen");
  EXPECT_EQ(known_label("bl.example.org"), "");
  EXPECT_TRUE(refuses_public_resolvers("zen.spamhaus.org"));
  EXPECT_FALSE(refuses_public_resolvers("abc.zen.dq.spamhaus.net"));
  EXPECT_THAT(retirement("dnsbl.sorbs.net"), testing::StartsWith("closed in 2024 (https://"));
  EXPECT_EQ(retirement("zen.spamhaus.org"), "");
  EXPECT_EQ(retirement("notsorbs.net"), "");
}

struct Tested {
  std::string name;
  Answer presence;
  Answer absence;
  SelfTest expected;
};

TEST(ListSelfTest, BelievesTheTestEntries) {
  using Result = SelfTest::Result;
  const auto codes = [](const char* code) {
    Answer answer = without_records(Outcome::Found);
    answer.records().addresses = {IpAddress::parse(code).value()};
    return answer;
  };
  const Answer none = without_records(Outcome::NoSuchName);
  const Answer timeout = without_records(Outcome::Timeout);
  const Answer refused = without_records(Outcome::Refused);
  const std::string everybody = "it lists 127.0.0.1, so probably everybody";
  const std::string nobody = "it does not list its test entry 127.0.0.2, so probably nobody";
  const std::string outside =
      "198.51.100.1: not an answer of a list: its domain was given up, or the resolver invents "
      "answers";
  for (const Tested& one : {
           Tested{"works", codes("127.0.0.2"), none, {Result::Works, ""}},
           Tested{"works with a code of its own", codes("127.0.10.0"), none, {Result::Works, ""}},
           Tested{"lists nobody", none, none, {Result::Fails, nobody}},
           Tested{"lists everybody",
                  codes("127.0.0.2"),
                  codes("127.0.0.2"),
                  {Result::Fails, everybody}},
           Tested{"was parked",
                  codes("198.51.100.1"),
                  codes("198.51.100.1"),
                  {Result::Fails, outside}},
           Tested{"refuses us by a code",
                  codes("127.255.255.255"),
                  none,
                  {Result::Fails, "127.255.255.255: too many queries"}},
           Tested{"is silent", timeout, timeout, {Result::Unknown, "self-test: timeout"}},
           Tested{"refuses us", refused, none, {Result::Unknown, "self-test: refused"}},
           Tested{"half an answer",
                  codes("127.0.0.2"),
                  timeout,
                  {Result::Unknown, "self-test: timeout"}},
           Tested{"lists everybody as far as is known",
                  timeout,
                  codes("127.0.0.4"),
                  {Result::Fails, everybody}},
       }) {
    const SelfTest tested = judge_self_test(EntryKind::Ipv4, one.presence, one.absence,
                                            std::span(&usual_codes(), 1), kBlock);
    EXPECT_EQ(tested.result, one.expected.result) << one.name;
    EXPECT_EQ(tested.trouble, one.expected.trouble) << one.name;
    EXPECT_EQ(tested.remedy.empty(), tested.result == Result::Works) << one.name;
  }
}

}  // namespace
}  // namespace smtpguard::dns
