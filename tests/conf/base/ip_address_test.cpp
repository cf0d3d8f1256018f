#include "conf/base/ip_address.hpp"

#include <gtest/gtest.h>

#include <unordered_set>

namespace smtpguard {
namespace {

struct Spelling {
  std::string_view text;
  std::string_view shown;
};

TEST(IpAddress, PrintsWhatItParsedInOneForm) {
  const Spelling spellings[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8::A", "2001:db8::a"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
      {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
      {"::192.0.2.1", "::c000:201"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"::ffff:c000:201", "192.0.2.1"},
      {"0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"},
  };
  for (const auto& [text, shown] : spellings) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), shown);
    EXPECT_EQ(IpAddress::parse(address->to_string()), address) << text;
  }
}

TEST(IpAddress, RefusesTextThatIsNotExactlyOneAddress) {
  using namespace std::string_view_literals;
  const std::string_view texts[] = {
      "",           " 192.0.2.1",  "192.0.2.1 ",   "192.0.2",           "192.0.2.1.5",
      "192.0.2.01", "192.0.2.256", "192.0.2.-1",   "0x7f.0.0.1",        "127.1",
      "2130706433", "[::1]",       "fe80::1%eth0", "1:2:3:4:5:6:7:8:9", "1::2::3",
      ":::",        "g::1",        "mx.example",   "192.0.2.1\0"sv,     "12345::",
  };
  for (const auto text : texts) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpAddress, TurnsMappedBytesIntoIpv4) {
  const auto mapped = IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 9});
  EXPECT_EQ(mapped, IpAddress::v4({203, 0, 113, 9}));
  EXPECT_TRUE(mapped.is_v4());
  EXPECT_EQ(mapped.bit_length(), 32);
}

TEST(IpAddress, KnowsLoopbackAndUnspecified) {
  EXPECT_TRUE(IpAddress::parse("127.9.9.9")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::ffff:127.0.0.1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("128.0.0.1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("1::1")->is_loopback());
  EXPECT_TRUE(IpAddress().is_unspecified());
  EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
  EXPECT_FALSE(IpAddress::parse("::1")->is_unspecified());
}

TEST(IpAddress, PrefixClearsTheBitsBehindIt) {
  const auto v4 = *IpAddress::parse("203.0.113.255");
  EXPECT_EQ(v4.prefix(24).to_string(), "203.0.113.0");
  EXPECT_EQ(v4.prefix(29).to_string(), "203.0.113.248");
  EXPECT_EQ(v4.prefix(0).to_string(), "0.0.0.0");
  EXPECT_EQ(v4.prefix(32), v4);
  EXPECT_EQ(v4.prefix(99), v4);
  EXPECT_EQ(v4.prefix(-1), v4.prefix(0));
  const auto v6 = *IpAddress::parse("2001:db8:ffff:ffff:ffff::1");
  EXPECT_EQ(v6.prefix(64).to_string(), "2001:db8:ffff:ffff::");
  EXPECT_EQ(v6.prefix(35).to_string(), "2001:db8:e000::");
  EXPECT_EQ(v6.prefix(0).to_string(), "::");
}

TEST(IpAddress, HashTellsFamiliesAndNeighboursApart) {
  std::unordered_set<std::size_t> hashes;
  for (std::uint8_t last = 0; last < 255; ++last) {
    hashes.insert(std::hash<IpAddress>()(IpAddress::v4({10, 0, 0, last})));
  }
  hashes.insert(std::hash<IpAddress>()(*IpAddress::parse("a00::")));
  EXPECT_EQ(hashes.size(), 256U);
}

TEST(Endpoint, PrintsWhatItParsed) {
  for (const std::string_view text :
       {"192.0.2.1:25", "[2001:db8::1]:2525", "0.0.0.0:0", "[::]:65535"}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->to_string(), text);
  }
}

TEST(Endpoint, RefusesAMissingPortAndLooseBrackets) {
  for (const std::string_view text :
       {"", ":", ":25", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:025",
        "192.0.2.1:+25", "2001:db8::1:25", "[2001:db8::1]", "[2001:db8::1]25", "[192.0.2.1]:25",
        "[]:25", "[:25", "localhost:25"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

}  // namespace
}  // namespace smtpguard
