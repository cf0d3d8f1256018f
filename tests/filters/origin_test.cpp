#include "filters/origin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "filters/session_facts.hpp"
#include "tests/support/maxmind_database.hpp"

namespace smtpguard::filters {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

Origin known(std::vector<std::uint32_t> numbers, const char* name = "") {
  return {Origin::State::Known, std::move(numbers), name};
}

OriginSources by_file(bool asks_cymru = false) {
  OriginSources sources;
  sources.file =
      MaxMindFile::open(test::maxmind_database({{"192.0.2.0/24", 64500, "Example"}})).value();
  sources.asks_cymru = asks_cymru;
  return sources;
}

OriginSources by_dns() {
  OriginSources sources;
  sources.asks_cymru = true;
  return sources;
}

SessionFacts facts_of(const char* client) {
  SessionFacts facts;
  facts.client = {address(client), 40000};
  return facts;
}

std::vector<dns::Question> questions_of(const OriginSources& sources, const SessionFacts& facts) {
  std::vector<dns::Question> questions;
  want_origin(&sources, facts, questions);
  return questions;
}

TEST(Origin, ReadsWhatTeamCymruAnswers) {
  const IpAddress client = address("192.0.2.9");
  EXPECT_EQ(read_cymru({"64500 | 192.0.2.0/24 | US | arin | 1998-09-25"}, client), known({64500}));
  EXPECT_EQ(read_cymru({"64500 64501 | 192.0.2.0/24 | US | arin |"}, client),
            known({64500, 64501}));
  EXPECT_EQ(read_cymru({"64500 | 192.0.0.0/16 | | |", "64501 | 192.0.2.0/24 | | |"}, client),
            known({64501}))
      << "the more specific one";
  for (const char* odd :
       {"", "|", "64500", "64500 |", "x | 192.0.2.0/24", "0 | 192.0.2.0/24",
        "64500 | 198.51.100.0/24", "64500 | 192.0.2.0/99", "4294967296 | 192.0.2.0/24"}) {
    EXPECT_EQ(read_cymru({odd}, client), known({})) << odd;
  }
}

TEST(Origin, AsksForNetworksSoThatNeighboursShareAnAnswer) {
  const OriginSources sources = by_dns();
  EXPECT_THAT(questions_of(sources, facts_of("192.0.2.9")),
              ElementsAre(dns::Question{"0.2.0.192.origin.asn.cymru.com", dns::RecordType::TXT}));
  EXPECT_EQ(questions_of(sources, facts_of("192.0.2.9")),
            questions_of(sources, facts_of("192.0.2.77")));
  const auto six = questions_of(sources, facts_of("2001:db8:1:2::9"));
  ASSERT_EQ(six.size(), 1U);
  EXPECT_EQ(six, questions_of(sources, facts_of("2001:db8:1:3::1")));
  EXPECT_TRUE(six[0].name.ends_with("0.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.origin6.asn.cymru.com"));
  EXPECT_EQ(six[0].name.size(), 64 + std::string("origin6.asn.cymru.com").size());
}

TEST(Origin, AsksNobodyAboutThoseWhoAreNoStrangersOrInTheFile) {
  SessionFacts facts = facts_of("192.0.2.9");
  EXPECT_THAT(questions_of(by_file(true), facts), IsEmpty());
  EXPECT_THAT(questions_of(by_file(), facts_of("198.51.100.9")), IsEmpty());
  EXPECT_EQ(questions_of(by_file(true), facts_of("198.51.100.9")).size(), 1U);
  facts.standing = Standing::Local;
  EXPECT_THAT(questions_of(by_dns(), facts), IsEmpty());
}

TEST(Origin, IsOpenThenKnownOrUnknown) {
  const OriginSources sources = by_dns();
  SessionFacts facts = facts_of("192.0.2.9");
  EXPECT_EQ(origin_of(&sources, facts).state, Origin::State::Open);
  SessionFacts trouble = facts;
  trouble.dns.answer(questions_of(sources, facts)[0], dns::without_records(dns::Outcome::Timeout));
  EXPECT_EQ(origin_of(&sources, trouble), Origin{});
  SessionFacts none = facts;
  none.dns.answer(questions_of(sources, facts)[0], dns::without_records(dns::Outcome::NoSuchName));
  EXPECT_EQ(origin_of(&sources, none), known({}));
  dns::Answer answer = dns::without_records(dns::Outcome::Found);
  answer.records().texts = {"64500 | 192.0.2.0/24 | US | arin |"};
  facts.dns.answer(questions_of(sources, facts)[0], answer);
  EXPECT_EQ(origin_of(&sources, facts), known({64500}));
  EXPECT_EQ(to_string(origin_of(&sources, facts)), "64500");
  EXPECT_EQ(origin_of(nullptr, facts), Origin{});
}

TEST(Origin, ComesFromTheFileWithAName) {
  const OriginSources sources = by_file();
  EXPECT_EQ(origin_of(&sources, address("192.0.2.9")), known({64500}, "Example"));
  EXPECT_EQ(origin_of(&sources, facts_of("198.51.100.9")), known({}));
}

TEST(Origin, KnowsNumbersInBothForms) {
  EXPECT_EQ(parse_asn("64500"), 64500U);
  EXPECT_EQ(parse_asn("AS64500"), 64500U);
  EXPECT_EQ(parse_asn("4294967295"), 4294967295U);
  for (const char* bad : {"", "as", "0", "4294967296", "64500x", "-1"}) {
    EXPECT_EQ(parse_asn(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace smtpguard::filters
