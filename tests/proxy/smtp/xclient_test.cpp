#include "proxy/smtp/xclient.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace smtpguard::smtp {
namespace {

using Commands = std::vector<std::string>;

constexpr const char* kAll = "NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT";

XclientFacts facts() {
  XclientFacts out;
  out.client = Endpoint::parse("203.0.113.9:40001").value();
  out.destination = Endpoint::parse("198.51.100.7:25").value();
  out.name = "mail.client.example";
  out.helo = "client.example";
  return out;
}

TEST(Xclient, TellsAllThatIsOfferedWithNameAndAddressLast) {
  EXPECT_EQ(build_xclient(facts(), kAll),
            Commands{"XCLIENT PROTO=ESMTP HELO=client.example DESTADDR=198.51.100.7 DESTPORT=25"
                     " PORT=40001 NAME=mail.client.example ADDR=203.0.113.9\r\n"});
}

TEST(Xclient, TellsOnlyWhatIsOffered) {
  EXPECT_EQ(build_xclient(facts(), "addr Port"),
            Commands{"XCLIENT PORT=40001 ADDR=203.0.113.9\r\n"});
}

TEST(Xclient, SaysNothingToABackendThatCannotBeToldTheAddress) {
  EXPECT_EQ(build_xclient(facts(), ""), Commands{});
  EXPECT_EQ(build_xclient(facts(), "NAME PORT XADDR"), Commands{});
}

TEST(Xclient, PrefixesIpv6) {
  XclientFacts v6 = facts();
  v6.client = Endpoint::parse("[2001:db8::9]:1").value();
  EXPECT_EQ(build_xclient(v6, "ADDR"), Commands{"XCLIENT ADDR=IPV6:2001:db8::9\r\n"});
}

TEST(Xclient, TellsWhyTheNameIsUnknown) {
  XclientFacts nameless = facts();
  nameless.name.clear();
  EXPECT_EQ(build_xclient(nameless, "NAME ADDR"),
            Commands{"XCLIENT NAME=[UNAVAILABLE] ADDR=203.0.113.9\r\n"});
  nameless.name_is_temporarily_unknown = true;
  EXPECT_EQ(build_xclient(nameless, "NAME ADDR"),
            Commands{"XCLIENT NAME=[TEMPUNAVAIL] ADDR=203.0.113.9\r\n"});
}

TEST(Xclient, TakesNoNameFromDnsThatIsNoHostName) {
  XclientFacts hostile = facts();
  hostile.name = "a\r\nMAIL FROM:<b@c>";
  hostile.reverse_name = "x ADDR=127.0.0.1";
  EXPECT_EQ(build_xclient(hostile, "NAME ADDR REVERSE_NAME"),
            Commands{"XCLIENT NAME=[UNAVAILABLE] ADDR=203.0.113.9\r\n"});
}

TEST(Xclient, TellsTheReverseNameIfThereIsOne) {
  XclientFacts unconfirmed = facts();
  unconfirmed.name.clear();
  unconfirmed.reverse_name = "host-9.example";
  EXPECT_EQ(
      build_xclient(unconfirmed, "NAME ADDR REVERSE_NAME"),
      Commands{"XCLIENT REVERSE_NAME=host-9.example NAME=[UNAVAILABLE] ADDR=203.0.113.9\r\n"});
}

TEST(Xclient, EncodesTheHelo) {
  XclientFacts odd = facts();
  odd.is_esmtp = false;
  odd.helo = "a ADDR=127.0.0.1\r\n+";
  EXPECT_EQ(build_xclient(odd, "HELO ADDR PROTO"),
            Commands{"XCLIENT PROTO=SMTP HELO=a+20ADDR+3D127.0.0.1+0D+0A+2B ADDR=203.0.113.9\r\n"});
}

TEST(Xclient, KeepsLinesWithin512OctetsAndLeavesOutWhatCannotFit) {
  XclientFacts big = facts();
  big.helo = std::string(255, 'h');
  big.name = std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c');
  big.reverse_name = big.name;
  const Commands commands = build_xclient(big, kAll);
  ASSERT_EQ(commands.size(), 2U);
  for (const std::string& command : commands) {
    EXPECT_LE(command.size(), 512U);
    EXPECT_TRUE(command.starts_with("XCLIENT ") && command.ends_with("\r\n"));
  }
  EXPECT_TRUE(commands.back().ends_with(" NAME=" + big.name + " ADDR=203.0.113.9\r\n"));

  big.helo = std::string(255, '+');
  EXPECT_EQ(build_xclient(big, "HELO ADDR"), Commands{"XCLIENT ADDR=203.0.113.9\r\n"});
}

}  // namespace
}  // namespace smtpguard::smtp
