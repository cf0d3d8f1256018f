#include "dns/spf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace smtpguard::dns {
namespace {

using testing::ElementsAre;
using Kind = SpfTerm::Kind;

SpfRecord parse(const std::string& text) {
  const auto record = parse_spf(text);
  EXPECT_TRUE(record.has_value()) << text;
  return record ? *record : SpfRecord{};
}

SpfTerm network(const char* text, bool passes = true) {
  SpfTerm term;
  term.kind = Kind::Network;
  term.passes = passes;
  term.network = Cidr::parse(text).value();
  return term;
}

SpfTerm hosts(Kind kind, const char* domain, int length4 = 32, int length6 = 128) {
  SpfTerm term;
  term.kind = kind;
  term.domain = domain;
  term.length4 = length4;
  term.length6 = length6;
  return term;
}

SpfTerm simple(Kind kind, bool passes) {
  SpfTerm term;
  term.kind = kind;
  term.passes = passes;
  return term;
}

TEST(Spf, KnowsItsRecordsByTheirFirstWord) {
  EXPECT_TRUE(is_spf("v=spf1"));
  EXPECT_TRUE(is_spf("V=SPF1 -all"));
  EXPECT_FALSE(is_spf("v=spf10 -all"));
  EXPECT_FALSE(is_spf("spf2.0/pra -all"));
}

TEST(Spf, ReadsNetworks) {
  EXPECT_THAT(
      parse("v=spf1 ip4:192.0.2.1 IP4:198.51.100.7/24 ip6:2001:db8::/32 -ip4:203.0.113.9").terms,
      ElementsAre(network("192.0.2.1"), network("198.51.100.0/24"), network("2001:db8::/32"),
                  network("203.0.113.9", false)));
}

TEST(Spf, ReadsHostsAndIncludes) {
  EXPECT_THAT(
      parse("v=spf1 a a/24 a:mail.example.org//64 mx/28//56 mx:Example.ORG. "
            "include:_spf.example.org ?all")
          .terms,
      ElementsAre(hosts(Kind::Address, ""), hosts(Kind::Address, "", 24),
                  hosts(Kind::Address, "mail.example.org", 32, 64),
                  hosts(Kind::Exchangers, "", 28, 56), hosts(Kind::Exchangers, "example.org"),
                  hosts(Kind::Include, "_spf.example.org"), simple(Kind::All, false)));
}

TEST(Spf, DoesNotReadWhatOnlyAClientDecides) {
  EXPECT_THAT(
      parse("v=spf1 -exists:%{i}.bad.example ptr a:%{d}/24 include:%{d2}.example.org").terms,
      ElementsAre(simple(Kind::Unknowable, false), simple(Kind::Unknowable, true),
                  simple(Kind::Unknowable, true), simple(Kind::Unknowable, true)));
}

TEST(Spf, ReadsRedirectAndNoOtherModifier) {
  EXPECT_EQ(parse("v=spf1 redirect=_spf.Example.org exp=why.example.org foo=a/b:c").redirect,
            "_spf.example.org");
  EXPECT_EQ(parse("v=spf1 redirect=%{d}.example.org"), SpfRecord{});
}

TEST(Spf, NamesTheTermThatIsWrong) {
  for (const char* term : {"ip4:192.0.2",
                           "ip4:2001:db8::1",
                           "ip4:192.0.2.0/33",
                           "ip4:192.0.2.0/",
                           "ip6:192.0.2.1",
                           "ip6:2001:db8::/129",
                           "ip4",
                           "include",
                           "include:",
                           "include:example.org/24",
                           "a:localhost",
                           "a/33",
                           "a//129",
                           "mx:a..b",
                           "all:x",
                           "every",
                           "-",
                           "ip4 :192.0.2.1",
                           "redirect=-",
                           "redirect=localhost",
                           "a:192.0.2.1/x"}) {
    const auto record = parse_spf(std::string("v=spf1 ") + term);
    ASSERT_FALSE(record.has_value()) << term;
    EXPECT_THAT(record.error().text, testing::HasSubstr("its SPF record has \"")) << term;
  }
  EXPECT_FALSE(parse_spf("v=spf1 redirect=a.example redirect=b.example").has_value());
  EXPECT_FALSE(parse_spf("v=DKIM1").has_value());
}

}  // namespace
}  // namespace smtpguard::dns
