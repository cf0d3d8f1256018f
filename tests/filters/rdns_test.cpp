#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/filters/filter_stage.hpp"

namespace smtpguard::filters {

extern const FilterKind kRdns;

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Row {
  const char* what;
  const char* client;
  const char* dns;
  std::vector<std::string> findings;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.what;
}

class RdnsFilter : public ::testing::TestWithParam<Row> {};

TEST_P(RdnsFilter, FindsTheFaultAndNothingElse) {
  FilterStage stage(kRdns, GetParam().dns);
  stage.client(GetParam().client);
  stage.facts.helo = "not.in.the.dns";
  stage.play();
  EXPECT_EQ(stage.findings(), GetParam().findings);
}

constexpr const char* kClient = "203.0.113.9";

INSTANTIATE_TEST_SUITE_P(
    Confirmation, RdnsFilter,
    ::testing::Values(
        Row{"good",
            kClient,
            "203.0.113.9 PTR 300 mail.sender.net\nmail.sender.net A 300 192.0.2.1 203.0.113.9",
            {}},
        Row{"good, IPv6",
            "2001:db8:1::25",
            "2001:db8:1::25 PTR 300 mail.sender.net\nmail.sender.net AAAA 300 2001:db8:1::25",
            {}},
        Row{"the other family does not confirm",
            "2001:db8:1::25",
            "2001:db8:1::25 PTR 300 mail.sender.net\nmail.sender.net A 300 203.0.113.9",
            {"rdns.unconfirmed fail: mail.sender.net"}},
        Row{"one of several names leads back",
            kClient,
            "203.0.113.9 PTR 300 a.sender.net\n203.0.113.9 PTR 300 b.sender.net\n"
            "b.sender.net A 300 203.0.113.9",
            {}},
        Row{"no name", kClient, "", {"rdns.none fail: 9.113.0.203.in-addr.arpa"}},
        Row{"no PTR at the name",
            kClient,
            "203.0.113.9 PTR NODATA",
            {"rdns.none fail: 9.113.0.203.in-addr.arpa"}},
        Row{"the name is not there",
            kClient,
            "203.0.113.9 PTR 300 mail.sender.net",
            {"rdns.unconfirmed fail: mail.sender.net"}},
        Row{"the name is another's",
            kClient,
            "203.0.113.9 PTR 300 mail.google.com\nmail.google.com A 300 192.0.2.1",
            {"rdns.unconfirmed fail: mail.google.com"}},
        Row{"a PTR that nobody may use",
            kClient,
            "203.0.113.9 PTR 300 localhost",
            {"rdns.unconfirmed fail: no name that may be used"}}));

INSTANTIATE_TEST_SUITE_P(
    TroubleIsNoEvidence, RdnsFilter,
    ::testing::Values(Row{"SERVFAIL",
                          kClient,
                          "203.0.113.9 PTR SERVFAIL",
                          {"rdns.none temperror: 9.113.0.203.in-addr.arpa: server_failure"}},
                      Row{"timeout",
                          kClient,
                          "203.0.113.9 PTR TIMEOUT",
                          {"rdns.none temperror: 9.113.0.203.in-addr.arpa: timeout"}},
                      Row{"refused",
                          kClient,
                          "203.0.113.9 PTR REFUSED",
                          {"rdns.none temperror: 9.113.0.203.in-addr.arpa: refused"}},
                      Row{"on the way forward",
                          kClient,
                          "203.0.113.9 PTR 300 mail.sender.net\nmail.sender.net A SERVFAIL",
                          {"rdns.unconfirmed temperror: mail.sender.net"}},
                      Row{"for one name of two, the other is another's",
                          kClient,
                          "203.0.113.9 PTR 300 a.sender.net\n203.0.113.9 PTR 300 b.sender.net\n"
                          "a.sender.net A 300 192.0.2.1\nb.sender.net A TIMEOUT",
                          {"rdns.unconfirmed temperror: a.sender.net"}},
                      Row{"a generic name that could not be confirmed",
                          kClient,
                          "203.0.113.9 PTR 300 9.dsl.sender.net\n9.dsl.sender.net A TIMEOUT",
                          {"rdns.unconfirmed temperror: 9.dsl.sender.net",
                           "rdns.generic temperror: 9.dsl.sender.net: dsl"}}));

INSTANTIATE_TEST_SUITE_P(
    Generic, RdnsFilter,
    ::testing::Values(
        Row{"confirmed",
            "3.131.215.38",
            "3.131.215.38 PTR 300 ec2-3-131-215-38.us-east-2.compute.amazonaws.com\n"
            "ec2-3-131-215-38.us-east-2.compute.amazonaws.com A 300 3.131.215.38",
            {"rdns.generic fail: ec2-3-131-215-38.us-east-2.compute.amazonaws.com: 3.131.215.38"}},
        Row{"unconfirmed",
            kClient,
            "203.0.113.9 PTR 300 9.dsl.sender.net",
            {"rdns.unconfirmed fail: 9.dsl.sender.net",
             "rdns.generic fail: 9.dsl.sender.net: dsl"}},
        Row{"beside a name of its own",
            kClient,
            "203.0.113.9 PTR 300 9.dsl.sender.net\n203.0.113.9 PTR 300 mail.example.net\n"
            "9.dsl.sender.net A 300 203.0.113.9\nmail.example.net A 300 203.0.113.9",
            {}},
        Row{"a name of its own that does not lead back is worth nothing",
            kClient,
            "203.0.113.9 PTR 300 9.dsl.sender.net\n203.0.113.9 PTR 300 mail.example.net\n"
            "9.dsl.sender.net A 300 203.0.113.9",
            {"rdns.generic fail: 9.dsl.sender.net: dsl"}}));

class ForgivenLine : public ::testing::Test {
 protected:
  std::vector<std::string> findings_with(std::string_view helo, std::string_view more_dns) {
    FilterStage stage(kRdns, fmt::format("203.0.113.9 PTR 300 9.dsl.sender.net\n"
                                         "9.dsl.sender.net A 300 203.0.113.9\n{}",
                                         more_dns));
    stage.facts.helo = helo;
    stage.play();
    return stage.findings();
  }
  const std::vector<std::string> generic_{"rdns.generic fail: 9.dsl.sender.net: dsl"};
};

TEST_F(ForgivenLine, ByAHeloNameThatLeadsToTheClient) {
  EXPECT_THAT(findings_with("mine.other.org", "mine.other.org A 300 192.0.2.1 203.0.113.9"),
              IsEmpty());
}

TEST_F(ForgivenLine, NotByANameThatLeadsElsewhere) {
  EXPECT_EQ(findings_with("mine.other.org", "mine.other.org A 300 192.0.2.1"), generic_);
}

TEST_F(ForgivenLine, NotByANameThatCannotBeLookedUp) {
  EXPECT_EQ(findings_with("mine.other.org", "mine.other.org A SERVFAIL"), generic_);
}

TEST_F(ForgivenLine, NotByAnotherNameThatTheProviderMadeUp) {
  EXPECT_EQ(findings_with("9.dsl.sender.net", ""), generic_);
  EXPECT_EQ(findings_with("h9.pool.other.org", "h9.pool.other.org A 300 203.0.113.9"), generic_);
}

TEST_F(ForgivenLine, NotByWhatIsNoName) {
  EXPECT_EQ(findings_with("[203.0.113.9]", ""), generic_);
  EXPECT_EQ(findings_with("localhost", ""), generic_);
}

TEST(Rdns, WaitsForHeloAndForItsAddress) {
  FilterStage stage(kRdns,
                    "203.0.113.9 PTR 300 9.dsl.sender.net\n9.dsl.sender.net A 300 203.0.113.9");
  stage.play();
  EXPECT_THAT(stage.findings(), IsEmpty());
  stage.facts.helo = "mine.other.org";
  EXPECT_THAT(stage.findings(), IsEmpty());
  EXPECT_THAT(stage.play(), ElementsAre("mine.other.org A"));
  EXPECT_THAT(stage.findings(), ElementsAre("rdns.generic fail: 9.dsl.sender.net: dsl"));
}

TEST(Rdns, ChecksTheFirstFiveNamesOnly) {
  std::string dns;
  for (int i = 1; i <= 1000; ++i) {
    dns += fmt::format("203.0.113.9 PTR 300 n{}.sender.net\n", i);
  }
  FilterStage stage(kRdns, dns);
  EXPECT_THAT(stage.play(),
              ElementsAre("9.113.0.203.in-addr.arpa PTR", "n1.sender.net A", "n2.sender.net A",
                          "n3.sender.net A", "n4.sender.net A", "n5.sender.net A"));
}

TEST(Rdns, SaysNothingWhileAnswersAreOpen) {
  FilterStage stage(kRdns);
  EXPECT_THAT(stage.findings(), IsEmpty());
}

}  // namespace
}  // namespace smtpguard::filters
