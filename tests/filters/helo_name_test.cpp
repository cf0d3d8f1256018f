#include "filters/helo_name.hpp"

#include <gtest/gtest.h>

namespace smtpguard::filters {
namespace {

HeloContext context(const char* client) {
  return {IpAddress::parse(client).value(),
          "mx.guarded.net",
          {IpAddress::parse("198.51.100.7").value(), IpAddress::parse("2001:db8:7::7").value()}};
}

struct Row {
  const char* helo;
  HeloKind kind;
};

TEST(HeloName, IsToldApart) {
  using enum HeloKind;
  const Row rows[] = {
      {"mail.sender.net", Name},
      {"mail.sender.net.", Name},
      {"my_host.sender.net", Name},
      {"xn--bcher-kva.ch", Name},
      {"MX.Guarded.NET", Self},
      {"mx.guarded.net.", Self},
      {"www.mx.guarded.net", Name},
      {"198.51.100.7", Self},
      {"[198.51.100.7]", Self},
      {"[IPv6:2001:DB8:7:0::7]", Self},
      {"2001:db8:7::7", Self},
      {"IPv6:2001:db8:7::7", Self},
      {"User", BotName},
      {"ylmf-pc", BotName},
      {"YLMF-PC", BotName},
      {"HELO", BotName},
      {"user.sender.net", Name},
      {"[203.0.113.9]", Literal},
      {"[IPv6:2001:db8::1]", Literal},  // of the other family: it cannot be compared
      {"[203.0.113.10]", WrongLiteral},
      {"[127.0.0.1]", WrongLiteral},
      {"[192.168.1.5]", WrongLiteral},
      {"[203.0.113.9", WrongLiteral},
      {"[203.0.113.999]", WrongLiteral},
      {"[IPv6:203.0.113.9]", WrongLiteral},
      {"[IPv6:2001:db8::1%eth0]", WrongLiteral},
      {"[]", WrongLiteral},
      {"[", WrongLiteral},
      {"[mail.sender.net]", WrongLiteral},
      {"203.0.113.9", BareAddress},
      {"203.0.113.10", BareAddress},
      {"2001:db8::1", BareAddress},
      {"IPv6:2001:db8::1", BareAddress},
      {"203.0.113", BareAddress},
      {"203.000.113.009", BareAddress},
      {"1.2.3.4.5", BareAddress},
      {"WIN-7N1FIECL6IC", Unqualified},
      {"mail", Unqualified},
      {"3405803785", Unqualified},
      {"203-0-113-9", Unqualified},
      {"$domain", Unqualified},
      {"mail..sender.net", Unqualified},
      {".sender.net", Unqualified},
      {".", Unqualified},
      {"-x.sender.net", Unqualified},
      {"a:b", Unqualified},
      {"localhost", Reserved},
      {"localhost.localdomain", Reserved},
      {"LOCALHOST.LocalDomain.", Reserved},
      {"device.lan", Reserved},
      {"exchange.corp.local", Reserved},
      {"150-95-25-91.openstacklocal", Reserved},
      {"ip-10-1-2-3.ec2.internal", Reserved},
      {"router.home.arpa", Reserved},
      {"9.113.0.203.in-addr.arpa", Reserved},
      {"mail.example.org", Documentation},
      {"EXAMPLE.com", Documentation},
      {"host.example", Documentation},
      {"badexample.org", Name},
      {"local.sender.net", Name},
      {"thelocal.se", Name},
      {"mail.new-tld-of-2027", Name},  // no list of top-level domains stays true
  };
  for (const Row& row : rows) {
    EXPECT_EQ(static_cast<int>(kind_of(row.helo, context("203.0.113.9"))),
              static_cast<int>(row.kind))
        << row.helo;
  }
}

TEST(HeloName, MayBeAnotherAddressInTheClientsIpv6Network) {
  EXPECT_EQ(kind_of("[IPv6:2001:db8:1::25]", context("2001:db8:1::9")), HeloKind::Literal);
  EXPECT_EQ(kind_of("[2001:db8:1::25]", context("2001:db8:1::9")), HeloKind::Literal);
  EXPECT_EQ(kind_of("[IPv6:2001:db8:2::25]", context("2001:db8:1::9")), HeloKind::WrongLiteral);
}

TEST(HeloName, OfThisMachineIsNotALieFromThisMachine) {
  EXPECT_EQ(kind_of("mx.guarded.net", context("198.51.100.7")), HeloKind::Name);
  EXPECT_EQ(kind_of("[198.51.100.7]", context("198.51.100.7")), HeloKind::Literal);
}

TEST(HeloName, IsNotOursBecauseBothAreBehindNat) {
  HeloContext behind_nat = context("203.0.113.9");
  behind_nat.addresses.push_back(IpAddress::parse("172.17.0.2").value());
  EXPECT_EQ(kind_of("[172.17.0.2]", behind_nat), HeloKind::WrongLiteral);
  EXPECT_EQ(kind_of("172.17.0.2", behind_nat), HeloKind::BareAddress);
}

TEST(HeloName, OfABotMayBeAddedByTheAdministrator) {
  const std::vector<std::string> names{"masscan", "bot.sender.net"};
  HeloContext with = context("203.0.113.9");
  with.bot_names = &names;
  EXPECT_EQ(kind_of("MASSCAN", with), HeloKind::BotName);
  EXPECT_EQ(kind_of("bot.sender.net", with), HeloKind::BotName);
  EXPECT_EQ(kind_of("User", with), HeloKind::BotName);
}

TEST(HeloName, OfABigCompanyIsKnown) {
  EXPECT_NE(company_of("mail-qt1-f178.GOOGLE.com"), nullptr);
  EXPECT_NE(company_of("gmail.com"), nullptr);
  EXPECT_EQ(company_of("evilgoogle.com"), nullptr);
  EXPECT_EQ(company_of("google.com.sender.net"), nullptr);
}

}  // namespace
}  // namespace smtpguard::filters
