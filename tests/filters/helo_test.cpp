#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/filters/filter_stage.hpp"

namespace smtpguard::filters {

extern const FilterKind kHelo;

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A well-kept mail server.
constexpr const char* kGood = R"(
203.0.113.9      PTR 300 mail.sender.net
mail.sender.net  A   300 203.0.113.9
)";

struct Row {
  const char* helo;
  const char* dns;
  std::vector<std::string> findings;
};

class HeloFilter : public ::testing::TestWithParam<Row> {};

TEST_P(HeloFilter, FindsTheFaultAndNothingElse) {
  FilterStage stage(kHelo, GetParam().dns);
  stage.facts.helo = GetParam().helo;
  stage.play();
  EXPECT_EQ(stage.findings(), GetParam().findings);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, HeloFilter,
    ::testing::Values(
        Row{"", kGood, {}}, Row{"mail.sender.net", kGood, {}}, Row{"MAIL.sender.net.", kGood, {}},
        Row{"mx.guarded.net", kGood, {"helo.self fail: mx.guarded.net"}},
        Row{"198.51.100.7", kGood, {"helo.self fail: 198.51.100.7"}},
        Row{"[198.51.100.8]", kGood, {"helo.self fail: [198.51.100.8]"}},
        Row{"User", kGood, {"helo.bot_name fail: User"}},
        Row{"[192.0.2.1]", kGood, {"helo.literal_mismatch fail: [192.0.2.1]"}},
        Row{"[203.0.113.9]", kGood, {"helo.literal fail: [203.0.113.9]"}},
        Row{"203.0.113.9", kGood, {"helo.bare_address fail: 203.0.113.9"}},
        Row{"WIN-7N1FIECL6IC", kGood, {"helo.unqualified fail: WIN-7N1FIECL6IC"}},
        Row{"localhost.localdomain", kGood, {"helo.reserved fail: localhost.localdomain"}},
        Row{"mail.example.org", kGood, {"helo.documentation fail: mail.example.org"}}));

INSTANTIATE_TEST_SUITE_P(
    ForwardNames, HeloFilter,
    ::testing::Values(
        Row{"gone.sender.net", kGood, {"helo.no_forward fail: gone.sender.net: no such name"}},
        // The name is there, but nothing leads anywhere.
        Row{"mx.sender.net",
            "mx.sender.net TXT 300 \"hello\"",
            {"helo.no_forward fail: mx.sender.net: no address and no MX"}},
        Row{"mx.sender.net",
            "mx.sender.net MX 300 0 .",
            {"helo.no_forward fail: mx.sender.net: no address and no MX"}},
        Row{"mx.sender.net", "mx.sender.net MX 300 10 mail.sender.net", {}},
        Row{"mx.sender.net", "mx.sender.net AAAA 300 2001:db8::1", {}},
        // Trouble is no evidence, in whichever answer.
        Row{"mx.sender.net",
            "mx.sender.net ANY SERVFAIL",
            {"helo.no_forward temperror: mx.sender.net: server_failure"}},
        Row{"mx.sender.net",
            "mx.sender.net A TIMEOUT\nmx.sender.net AAAA NXDOMAIN",
            {"helo.no_forward temperror: mx.sender.net: timeout"}},
        Row{"mx.sender.net",
            "mx.sender.net A NODATA\nmx.sender.net AAAA NODATA\nmx.sender.net MX REFUSED",
            {"helo.no_forward temperror: mx.sender.net MX: refused"}},
        Row{"mx.sender.net", "mx.sender.net A SERVFAIL\nmx.sender.net AAAA 300 2001:db8::1", {}}));

constexpr const char* kTwoNames = R"(
203.0.113.9        PTR 300 first.other.org
203.0.113.9        PTR 300 second.sender.net
first.other.org    A   300 203.0.113.9
second.sender.net  A   300 203.0.113.9
helo.sender.net    A   300 192.0.2.77
)";
constexpr const char* kUnconfirmed = R"(
203.0.113.9      PTR 300 mail.sender.net
mail.sender.net  A   300 192.0.2.1
mail.other.org   A   300 192.0.2.1
)";
constexpr const char* kOneInTrouble = R"(
203.0.113.9        PTR 300 first.other.org
203.0.113.9        PTR 300 second.sender.net
first.other.org    A   300 203.0.113.9
second.sender.net  A   SERVFAIL
mail.sender.net    A   300 192.0.2.77
)";

INSTANTIATE_TEST_SUITE_P(
    ReverseNames, HeloFilter,
    ::testing::Values(
        // Any confirmed name of the same organisation will do.
        Row{"helo.sender.net", kTwoNames, {}},
        Row{"mail.third.org",
            "203.0.113.9 PTR 300 mail.sender.net\nmail.sender.net A 300 203.0.113.9\n"
            "mail.third.org A 300 192.0.2.1",
            {"helo.not_rdns fail: mail.third.org, PTR mail.sender.net"}},
        Row{"b.blogspot.com",
            "203.0.113.9 PTR 300 a.blogspot.com\na.blogspot.com A 300 203.0.113.9\n"
            "b.blogspot.com A 300 192.0.2.1",
            {"helo.not_rdns fail: b.blogspot.com, PTR a.blogspot.com",
             "helo.plain fail: b.blogspot.com, PTR a.blogspot.com"}},
        // Without a confirmed name there is nothing to compare with.
        Row{"mail.other.org", kUnconfirmed, {}},
        Row{"mail.other.org", "mail.other.org A 300 192.0.2.1", {}},
        Row{"mail.other.org", "203.0.113.9 PTR SERVFAIL\nmail.other.org A 300 192.0.2.1", {}},
        // The name in doubt could be the one.
        Row{"mail.sender.net",
            kOneInTrouble,
            {"helo.not_rdns temperror: mail.sender.net, PTR first.other.org"}}));

INSTANTIATE_TEST_SUITE_P(
    Companies, HeloFilter,
    ::testing::Values(
        Row{"mail-x1.google.com",
            "203.0.113.9 PTR 300 mail-x1.google.com\nmail-x1.google.com A 300 203.0.113.9",
            {}},
        Row{"hotmail.com",
            "203.0.113.9 PTR 300 m1.outlook.com\nm1.outlook.com A 300 203.0.113.9\n"
            "hotmail.com A 300 192.0.2.1",
            {"helo.not_rdns fail: hotmail.com, PTR m1.outlook.com",
             "helo.plain fail: hotmail.com, PTR m1.outlook.com"}},
        Row{"mail.google.com",
            "203.0.113.9 PTR 300 x.evilgoogle.com\nx.evilgoogle.com A 300 203.0.113.9\n"
            "mail.google.com A 300 192.0.2.1",
            {"helo.impersonates fail: mail.google.com, PTR x.evilgoogle.com",
             "helo.not_rdns fail: mail.google.com, PTR x.evilgoogle.com"}},
        // A PTR that does not lead back proves nothing.
        Row{"mail.google.com",
            "203.0.113.9 PTR 300 mail.google.com\nmail.google.com A 300 192.0.2.1",
            {"helo.impersonates fail: mail.google.com, PTR mail.google.com"}},
        Row{"google.com",
            "google.com A 300 192.0.2.1",
            {"helo.impersonates fail: google.com, PTR none",
             "helo.plain fail: google.com, PTR none"}},
        Row{"google.com",
            "203.0.113.9 PTR TIMEOUT\ngoogle.com A 300 192.0.2.1",
            {"helo.impersonates temperror: google.com, PTR temp_error",
             "helo.plain temperror: google.com, PTR temp_error"}}));

constexpr const char* kLine = R"(
203.0.113.9       PTR 300 9.dsl.sender.net
9.dsl.sender.net  A   300 203.0.113.9
sender.net        A   300 192.0.2.1
)";

INSTANTIATE_TEST_SUITE_P(
    Generic, HeloFilter,
    ::testing::Values(
        Row{"9.dsl.sender.net", kLine, {"helo.generic fail: 9.dsl.sender.net: dsl"}},
        // A line that says its provider's name: no server of its own.
        Row{"sender.net", kLine, {"helo.generic fail: sender.net: PTR 9.dsl.sender.net"}},
        Row{"mail.sender.net",
            "203.0.113.9 PTR 300 9.dsl.sender.net\n9.dsl.sender.net A 300 203.0.113.9\n"
            "mail.sender.net A 300 192.0.2.1",
            {}},
        Row{"mail.sender.net", "203.0.113.9 PTR REFUSED\nmail.sender.net A 300 203.0.113.9", {}},
        Row{"9.dsl.sender.net",
            "203.0.113.9 PTR REFUSED\n9.dsl.sender.net A 300 203.0.113.9",
            {"helo.generic temperror: 9.dsl.sender.net: dsl",
             "helo.plain temperror: 9.dsl.sender.net, PTR temp_error"}}));

INSTANTIATE_TEST_SUITE_P(Plain, HeloFilter,
                         ::testing::Values(
                             // Neither its look nor the DNS shows that it is a mail server's.
                             Row{"host.other.org",
                                 "host.other.org A 300 192.0.2.1",
                                 {"helo.plain fail: host.other.org, PTR none"}},
                             Row{"mx1.other.org", "mx1.other.org A 300 192.0.2.1", {}},
                             // Its own address does.
                             Row{"host.other.org", "host.other.org A 300 203.0.113.9", {}},
                             Row{"host.sender.net",
                                 kTwoNames,
                                 {"helo.no_forward fail: host.sender.net: no such name"}}));

INSTANTIATE_TEST_SUITE_P(
    Look, HeloFilter,
    ::testing::Values(Row{"0a1b2c3d.sender.net",
                          "203.0.113.9 PTR 300 mail.sender.net\nmail.sender.net A 300 203.0.113.9\n"
                          "0a1b2c3d.sender.net A 300 192.0.2.1",
                          {"helo.random fail: 0a1b2c3d.sender.net: 0a1b2c3d"}},
                      Row{"mail.hgbswx.net",
                          "mail.hgbswx.net A 300 192.0.2.1",
                          {"helo.random fail: mail.hgbswx.net: hgbswx"}},
                      // Initials are spared where the DNS knows them.
                      Row{"mail.hgbswx.net", "mail.hgbswx.net A 300 203.0.113.9", {}},
                      Row{"mail.sender.top",
                          "mail.sender.top A 300 203.0.113.9",
                          {"helo.abused_domain fail: mail.sender.top"}}));

TEST(Helo, ThatWasChangedIsTold) {
  FilterStage stage(kHelo, kGood);
  stage.facts.helo = "mail.sender.net";
  stage.facts.misbehaviour.helo_changes = 2;
  stage.play();
  EXPECT_THAT(stage.findings(), ElementsAre("helo.changed fail: changes: 2, now mail.sender.net"));
}

TEST(Helo, AsksOnlyForANameThatMayBeTrue) {
  for (const char* helo : {"", "User", "[203.0.113.9]", "203.0.113.9", "localhost", "a.example.org",
                           "mx.guarded.net", "a..b"}) {
    FilterStage stage(kHelo, kGood);
    stage.facts.helo = helo;
    EXPECT_THAT(stage.play(), IsEmpty()) << helo;
  }
}

TEST(Helo, AsksForMxOnlyWhenThereIsNoAddress) {
  FilterStage stage(kHelo, "x.sender.net MX 300 10 mail.sender.net");
  stage.facts.helo = "x.sender.net.";
  EXPECT_THAT(stage.play(), ElementsAre("9.113.0.203.in-addr.arpa PTR", "x.sender.net A",
                                        "x.sender.net AAAA", "x.sender.net MX"));
}

TEST(Helo, DoesNotAskAgainForTheReverseName) {
  FilterStage stage(kHelo, kGood);
  stage.play();
  stage.facts.helo = "mail.sender.net";
  EXPECT_THAT(stage.play(), ElementsAre("9.113.0.203.in-addr.arpa PTR", "mail.sender.net A",
                                        "mail.sender.net AAAA"));
}

TEST(Helo, SaysNothingOfANameWhileAnswersAreOpen) {
  FilterStage stage(kHelo, kGood);
  stage.facts.helo = "9.dsl.google.com";
  EXPECT_THAT(stage.findings(), IsEmpty());
}

TEST(Helo, OfBotsMayBeConfigured) {
  FilterStage stage(kHelo, "", "helo.bot_names = [\"masscan\"]");
  stage.facts.helo = "Masscan";
  EXPECT_THAT(stage.findings(), ElementsAre("helo.bot_name fail: Masscan"));
}

}  // namespace
}  // namespace smtpguard::filters
