#include "dns/spf_walk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "dns/fake_resolver.hpp"

namespace smtpguard::dns {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Walked {
  SpfOutcome outcome;
  std::set<std::string> asked;

  bool has(const char* address) const {
    return outcome.networks.contains(IpAddress::parse(address).value());
  }
};

Walked walk(const std::string& answers, const std::string& domain = "example.org") {
  const FakeAnswers dns = FakeAnswers::parse(answers).value();
  SpfWalk walk(domain);
  Walked walked;
  while (!walk.questions().empty()) {
    const Question question = walk.questions().front();
    EXPECT_TRUE(walked.asked.insert(to_string(question)).second) << "asked twice";
    walk.answer(question, dns.find(question).answer);
  }
  walked.outcome = walk.outcome();
  return walked;
}

Walked walk_record(const std::string& record, const std::string& more = "") {
  return walk("example.org TXT 300 \"" + record + "\"\n" + more);
}

TEST(SpfWalk, GathersWhatTheDomainNames) {
  const Walked walked = walk_record(
      "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 a mx:mail.example.org -all",
      "example.org A 600 198.51.100.7\nexample.org AAAA 600 2001:db8:7::7\n"
      "mail.example.org MX 200 10 mx1.example.org\nmx1.example.org A 600 198.51.100.8\n");
  EXPECT_THAT(walked.outcome.trouble, IsEmpty());
  EXPECT_TRUE(walked.has("192.0.2.200"));
  EXPECT_TRUE(walked.has("2001:db8::9"));
  EXPECT_TRUE(walked.has("198.51.100.7"));
  EXPECT_TRUE(walked.has("198.51.100.8"));
  EXPECT_FALSE(walked.has("198.51.100.9"));
  EXPECT_FALSE(walked.has("2001:db9::1"));
}

TEST(SpfWalk, ForgetsAsSoonAsTheShortestLivedAnswer) {
  const Walked walked = walk(
      "example.org TXT 900 \"v=spf1 a include:b.example a:c.example -all\"\n"
      "example.org A 800 192.0.2.1\nexample.org AAAA 800 2001:db8::1\n"
      "b.example TXT 700 \"v=spf1 ip4:192.0.2.2\"\n"
      "c.example A 650 192.0.2.3\nc.example AAAA 660 2001:db8::3\n");
  EXPECT_EQ(walked.outcome.ttl, std::chrono::seconds(650));
}

TEST(SpfWalk, FollowsIncludesAndRedirect) {
  const Walked walked = walk_record("v=spf1 include:a.example redirect=b.example",
                                    "a.example TXT 300 \"v=spf1 ip4:192.0.2.1 ~all\"\n"
                                    "b.example TXT 300 \"v=spf1 ip4:192.0.2.2 -all\"\n");
  EXPECT_TRUE(walked.has("192.0.2.1"));
  EXPECT_TRUE(walked.has("192.0.2.2"));
  EXPECT_FALSE(walked.has("192.0.2.3"));
}

TEST(SpfWalk, LetsTheFirstTermThatMatchesDecide) {
  const Walked walked =
      walk_record("v=spf1 -ip4:192.0.2.9 ip4:192.0.2.0/28 -include:a.example ip4:192.0.2.0/24 ?all",
                  "a.example TXT 300 \"v=spf1 ?ip4:192.0.2.33 ip4:192.0.2.32/28 -all\"\n");
  EXPECT_FALSE(walked.has("192.0.2.9"));
  EXPECT_TRUE(walked.has("192.0.2.8"));
  EXPECT_FALSE(walked.has("192.0.2.34")) << "passes there, so it fails here";
  EXPECT_TRUE(walked.has("192.0.2.33")) << "does not pass there, so the include does not match";
  EXPECT_TRUE(walked.has("192.0.2.200"));
}

TEST(SpfWalk, StopsAtAllAndAtWhatItCannotKnow) {
  EXPECT_FALSE(walk_record("v=spf1 -all ip4:192.0.2.1").has("192.0.2.1"));
  EXPECT_FALSE(walk_record("v=spf1 -exists:%{i}.example ip4:192.0.2.1").has("192.0.2.1"));
  EXPECT_TRUE(walk_record("v=spf1 exists:%{i}.example ip4:192.0.2.1 -all").has("192.0.2.1"));
}

struct Bad {
  const char* record;
  const char* more;
  const char* trouble;
  bool is_temporary = false;
};

TEST(SpfWalk, ExemptsNobodyWhenThereIsTrouble) {
  for (const Bad& bad : std::vector<Bad>{
           {"v=spf1 ip4:192.0.2.1 +all", "", "example.org lets everybody send (+all)"},
           {"v=spf1 ip4:192.0.2.1 all", "", "+all"},
           {"v=spf1 ip4:192.0.2.1 ip4:0.0.0.0/1 ip4:128.0.0.0/1", "", "names 0.0.0.0/1"},
           {"v=spf1 ip4:192.0.2.1 ip6:::/0", "", "names ::/0"},
           {"v=spf1 ip4:192.0.2.1 a/4", "example.org A 60 192.0.2.1", "names 192.0.0.0/4"},
           {"v=spf1 ip4:192.0.2.1 ip5:1", "", "example.org: its SPF record has \"ip5:1\""},
           {"v=spf1 ip4:192.0.2.1 include:a.example", "", "a.example has no SPF record"},
           {"v=spf1 ip4:192.0.2.1 include:a.example",
            "a.example TXT 60 \"v=spf1\"\na.example TXT 60 \"v=spf1 -all\"",
            "a.example has more than one SPF record"},
           {"v=spf1 ip4:192.0.2.1 include:a.example", "a.example TXT SERVFAIL",
            "a.example TXT: server_failure", true},
           {"v=spf1 ip4:192.0.2.1 a:a.example", "a.example A TIMEOUT", "a.example A: timeout",
            true},
           {"v=spf1 ip4:192.0.2.1 include:example.org", "", "more than 10 look-ups"},
           {"v=spf1 ip4:192.0.2.1 redirect=example.org", "", "more than 10 look-ups"},
       }) {
    const Walked walked = walk_record(bad.record, bad.more);
    EXPECT_THAT(walked.outcome.trouble, HasSubstr(bad.trouble)) << bad.record;
    EXPECT_EQ(walked.outcome.is_temporary, bad.is_temporary) << bad.record;
    EXPECT_FALSE(walked.has("192.0.2.1")) << bad.record;
  }
  EXPECT_EQ(walk("").outcome.trouble, "example.org has no SPF record");
}

TEST(SpfWalk, TakesTenLookUpsAndNotEleven) {
  std::string record = "v=spf1";
  std::string more;
  for (int i = 0; i < 10; ++i) {
    record += fmt::format(" a:h{}.example", i);
    more += fmt::format("h{0}.example A 60 192.0.2.{0}\n", i);
  }
  EXPECT_TRUE(walk_record(record, more).has("192.0.2.9"));
  EXPECT_THAT(walk_record(record + " mx", more).outcome.trouble, HasSubstr("more than 10"));
}

TEST(SpfWalk, LooksAtTenExchangers) {
  std::string more;
  for (int i = 0; i < 20; ++i) {
    more +=
        fmt::format("example.org MX 60 {0} h{0:02}.example\nh{0:02}.example A 60 192.0.2.{0}\n", i);
  }
  const Walked walked = walk_record("v=spf1 mx", more);
  EXPECT_EQ(walked.outcome.networks.size(), 10U);
  EXPECT_LE(walked.asked.size(), 22U);
}

TEST(SpfWalk, AsksWhatItCanAtOnce) {
  SpfWalk walk("example.org");
  EXPECT_THAT(walk.questions(), ElementsAre(Question{"example.org", RecordType::TXT}));
  Answer answer = without_records(Outcome::Found, std::chrono::seconds(60));
  answer.records().texts = {"v=spf1 include:a.example mx include:b.example",
                            "google-site-verification=x"};
  walk.answer({"example.org", RecordType::TXT}, answer);
  EXPECT_THAT(walk.questions(), ElementsAre(Question{"a.example", RecordType::TXT},
                                            Question{"example.org", RecordType::MX},
                                            Question{"b.example", RecordType::TXT}));
}

}  // namespace
}  // namespace smtpguard::dns
