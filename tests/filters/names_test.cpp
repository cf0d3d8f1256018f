#include "filters/names.hpp"

#include <gtest/gtest.h>

#include "filters/public_suffix.hpp"

namespace smtpguard::filters {
namespace {

TEST(PublicSuffix, DividesANameWhereTheRegistryEnds) {
  constexpr auto kRegistries = Suffixes::Registries;
  EXPECT_EQ(organisational_domain("mail.example.co.uk", kRegistries), "example.co.uk");
  EXPECT_EQ(organisational_domain("Mail.EXAMPLE.com", kRegistries), "EXAMPLE.com");
  EXPECT_EQ(organisational_domain("example.com", kRegistries), "example.com");
  EXPECT_EQ(organisational_domain("co.uk", kRegistries), "");
  EXPECT_EQ(organisational_domain("com", kRegistries), "");
  EXPECT_EQ(organisational_domain("localhost", kRegistries), "");
  EXPECT_EQ(organisational_domain("host.notdelegated", kRegistries), "host.notdelegated");
  EXPECT_EQ(organisational_domain("a..b", kRegistries), "");
  EXPECT_EQ(organisational_domain("", kRegistries), "");
}

TEST(PublicSuffix, KnowsBelowWhichCompaniesStrangersLive) {
  const std::string_view name = "ec2-3-131-215-38.us-east-2.compute.amazonaws.com";
  EXPECT_EQ(organisational_domain(name, Suffixes::Registries), "amazonaws.com");
  EXPECT_EQ(organisational_domain(name, Suffixes::All), name);
}

TEST(Names, AreComparedAtTheBoundariesOfLabels) {
  EXPECT_TRUE(is_at_or_below("mail.google.com", "google.com"));
  EXPECT_TRUE(is_at_or_below("GOOGLE.com", "google.COM"));
  EXPECT_FALSE(is_at_or_below("evilgoogle.com", "google.com"));
  EXPECT_FALSE(is_at_or_below("google.com.evil.net", "google.com"));
  EXPECT_FALSE(is_at_or_below("com", "google.com"));
  EXPECT_FALSE(is_at_or_below("com", ""));
  EXPECT_EQ(without_root_dot("mail.example.org."), "mail.example.org");
  EXPECT_EQ(without_root_dot("."), ".");
}

TEST(Names, OfOneOrganisationShareItsDomain) {
  EXPECT_TRUE(is_same_organisation("mx1.example.com", "out.EXAMPLE.com"));
  EXPECT_TRUE(is_same_organisation("localhost", "LOCALHOST"));
  EXPECT_FALSE(is_same_organisation("a.co.uk", "b.co.uk"));
  EXPECT_FALSE(is_same_organisation("a.blogspot.com", "b.blogspot.com"));
  EXPECT_FALSE(is_same_organisation("", "x"));
}

struct Row {
  const char* address;
  const char* name;
  const char* sign;
};

TEST(Names, ShowThatAProviderMadeThemUp) {
  const Row rows[] = {
      // The address, forwards, backwards, in part, padded, in hexadecimal.
      {"203.0.113.9", "host-203-0-113-9.example.net", "203.0.113.9"},
      {"203.0.113.9", "9.113.0.203.example.net", "203.0.113.9"},
      {"203.0.113.9", "a113-0-203.example.net", "203.0.113.9"},
      {"203.0.113.9", "h203x0x113x9.example.net", "203.0.113.9"},
      {"203.0.113.9", "ip203000113009.example.net", "203.0.113.9"},
      {"203.0.113.9", "pCB007109.example.net", "203.0.113.9"},
      {"203.0.113.9", "097100cb.example.net", "203.0.113.9"},
      {"203.0.113.9", "ip-097100CB.example.net", "203.0.113.9"},
      {"203.0.113.9", "ip9.ip-203-0-113.eu", "203.0.113.9"},
      {"203.0.113.9", "cb.0.7109.example.net", ""},
      {"203.0.113.9", "09.71.00cb.ip4.example.net", "203.0.113.9"},
      {"203.0.113.9", "dynamic-2030113009.example.net", "dynamic"},
      {"203.0.113.9", "dynamic-ip-20301139.cable.example.net", "203.0.113.9"},
      {"1.2.3.4", "h1234.example.net", ""},
      {"3.131.215.38", "ec2-3-131-215-38.us-east-2.compute.amazonaws.com", "3.131.215.38"},
      // Another address than the client's.
      {"203.0.113.9", "192-0-2-44.example.net", "192-0-2-44"},
      {"203.0.113.9", "v1-2-3.example.net", ""},
      {"203.0.113.9", "r2024-12-28-1.example.net", ""},
      // IPv6: groups, nibbles.
      {"2001:db8:12:34:56:78:9a:bc", "2001-db8-12-34-56-78-9a-bc.example.net",
       "2001:db8:12:34:56:78:9a:bc"},
      {"2001:db8:1:2:a1b2:c3d4:e5f6:1789", "a1b2c3d4e5f61789.v6.example.net",
       "2001:db8:1:2:a1b2:c3d4:e5f6:1789"},
      {"2001:db8:1:2:a1b2:c3d4:e5f6:1789", "9.8.7.1.6.f.5.e.4.d.3.c.2.b.1.a.v6.example.net",
       "2001:db8:1:2:a1b2:c3d4:e5f6:1789"},
      {"2001:db8::25", "mailer.example.net", ""},
      {"2001:db8::25", "host-0-0-0-25.example.net", "0-0-0-25"},
      // Words, as whole labels or beside digits.
      {"203.0.113.9", "node7.dsl.example.net", "dsl"},
      {"203.0.113.9", "ppp12.example.net", "ppp"},
      {"203.0.113.9", "Cust-77.EXAMPLE.net", "cust"},
      {"203.0.113.9", "dslam.example.net", ""},
      // ... and of a line that is counted: there is a number.
      {"203.0.113.9", "pool.example.net", ""},
      {"203.0.113.9", "client.home.example.net", ""},
      {"203.0.113.9", "dynamics.example.net", ""},
      // ... and only left of the organisation's domain.
      {"203.0.113.9", "host.broadband.net", ""},
      {"203.0.113.9", "dsl.co.uk", ""},
      {"203.0.113.9", "pool", ""},
      // Whoever means it to send mail says so.
      {"203.0.113.9", "mx1.broadband.example.gov", ""},
      {"203.0.113.9", "mail.pool.example.edu", ""},
      {"203.0.113.9", "smtp.host.example.net", ""},
      {"203.0.113.9", "static.9.113.0.203.clients.your-server.de", ""},
      {"66.220.144.179", "66-220-144-179.mail-mxout.facebook.com", ""},
      {"40.92.255.63", "mail-oln040092255063.outbound.protection.outlook.com", ""},
      {"170.203.28.40", "kl-203-28-40.kmta.shared.klaviyomail.com", ""},
      {"198.51.100.4", "184.static.magic.lovepop.com", ""},
      // Nothing to see.
      {"203.0.113.9", "sonic313-20.consmr.yahoo.com", ""},
      {"203.0.113.9", "lists.example.org", ""},
      {"203.0.113.9", "", ""},
      {"203.0.113.9", "999999999999999999999999-0-0-0.example.org", ""},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(generic_sign(row.name, IpAddress::parse(row.address).value()), row.sign) << row.name;
  }
}

TEST(Names, TellAMailServer) {
  for (const char* name : {"mail.example.org", "mx1.example.org", "mx-out.eu.example.org",
                           "smtp2.example.co.uk", "mgw.example.org", "Relay.example.org",
                           "out-3.example.org", "mailgate.example.org", "outgoing.example.org"}) {
    EXPECT_TRUE(is_called_mail_server(name)) << name;
  }
  for (const char* name : {"example.org", "host.example.org", "mail.org", "scout.example.org",
                           "static.example.org", "www.smtp.net", ""}) {
    EXPECT_FALSE(is_called_mail_server(name)) << name;
  }
}

TEST(Names, TellATopLevelDomainKnownForAbuse) {
  EXPECT_EQ(abused_domain("mail.sender.TOP"), "top");
  EXPECT_EQ(abused_domain("top.sender.net"), "");
  EXPECT_EQ(abused_domain("sender.stop"), "");
  EXPECT_EQ(abused_domain("top"), "");
}

TEST(Names, TellWhatAProgramMadeUp) {
  EXPECT_EQ(hex_label("085071C5.sender.net"), "085071c5");
  EXPECT_EQ(hex_label("a.0a1b2c3d4e.b.sender.net"), "0a1b2c3d4e");
  EXPECT_EQ(hex_label("vps-23e6328b.sender.net"), "");
  EXPECT_EQ(hex_label("facade.deadbeef.net"), "");
  EXPECT_EQ(hex_label("feedface.sender.net"), "");
  EXPECT_EQ(unspeakable_label("mail.hgbswx.net"), "hgbswx");
  EXPECT_EQ(unspeakable_label("service.QCZQLB.co.uk"), "qczqlb");
  EXPECT_EQ(unspeakable_label("rechtsberatung-schnyder.com"), "");
  EXPECT_EQ(unspeakable_label("xn--bcdfghj-kva.net"), "");
  EXPECT_EQ(unspeakable_label("bcdfgh.sender.net"), "");
  EXPECT_EQ(unspeakable_label(""), "");
}

}  // namespace
}  // namespace smtpguard::filters
