#include "conf/base/cidr.hpp"

#include <gtest/gtest.h>

namespace smtpguard {
namespace {

Cidr network(std::string_view text) {
  return Cidr::parse(text).value();
}
IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

TEST(Cidr, PrintsWhatItParsed) {
  const std::pair<std::string_view, std::string_view> spellings[] = {
      {"192.0.2.0/24", "192.0.2.0/24"},
      {"192.0.2.1", "192.0.2.1/32"},
      {"0.0.0.0/0", "0.0.0.0/0"},
      {"2001:DB8::/32", "2001:db8::/32"},
      {"::1", "::1/128"},
      {"::/0", "::/0"},
      {"::ffff:192.0.2.0/120", "192.0.2.0/24"},
  };
  for (const auto& [text, shown] : spellings) {
    const auto parsed = Cidr::parse(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(parsed->to_string(), shown);
  }
}

TEST(Cidr, SaysWhatIsWrongWithTheText) {
  const std::pair<std::string_view, std::string_view> errors[] = {
      {"", ": not an address or network"},
      {"mx.example", "mx.example: not an address or network"},
      {"192.0.2.0/", "192.0.2.0/: the prefix length must be 0 to 32"},
      {"192.0.2.0/33", "192.0.2.0/33: the prefix length must be 0 to 32"},
      {"192.0.2.0/-1", "192.0.2.0/-1: the prefix length must be 0 to 32"},
      {"2001:db8::/129", "2001:db8::/129: the prefix length must be 0 to 128"},
      {"::ffff:192.0.2.0/24", "::ffff:192.0.2.0/24: the prefix length must be 96 to 128"},
      {"192.0.2.1/24", "192.0.2.1/24: bits are set behind the prefix; the network is 192.0.2.0/24"},
      {"2001:db8::1/64",
       "2001:db8::1/64: bits are set behind the prefix; the network is 2001:db8::/64"},
      {"a\x1b[2J", "a\\x1B[2J: not an address or network"},
  };
  for (const auto& [text, error] : errors) {
    const auto parsed = Cidr::parse(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().text, error);
  }
}

TEST(Cidr, ContainsOnlyAddressesOfItsFamily) {
  EXPECT_TRUE(network("192.0.2.0/24").contains(address("192.0.2.255")));
  EXPECT_FALSE(network("192.0.2.0/24").contains(address("192.0.3.0")));
  EXPECT_TRUE(network("0.0.0.0/0").contains(address("203.0.113.9")));
  EXPECT_FALSE(network("0.0.0.0/0").contains(address("2001:db8::1")));
  EXPECT_FALSE(network("::/0").contains(address("203.0.113.9")));
  EXPECT_TRUE(network("::/0").contains(address("2001:db8::1")));
}

TEST(CidrSet, FindsTheMostSpecificNetwork) {
  const CidrSet set({network("10.0.0.0/8"), network("10.1.0.0/16"), network("10.1.2.3"),
                     network("10.1.2.3"), network("2001:db8::/32"), network("::/0")});
  EXPECT_EQ(set.size(), 5U);
  EXPECT_EQ(set.find(address("10.1.2.3")), network("10.1.2.3/32"));
  EXPECT_EQ(set.find(address("10.1.2.4")), network("10.1.0.0/16"));
  EXPECT_EQ(set.find(address("10.2.0.0")), network("10.0.0.0/8"));
  EXPECT_EQ(set.find(address("11.0.0.0")), std::nullopt);
  EXPECT_EQ(set.find(address("2001:db8::9")), network("2001:db8::/32"));
  EXPECT_EQ(set.find(address("2001:db9::9")), network("::/0"));
}

TEST(CidrSet, OfOneFamilyNeverHoldsTheOther) {
  const CidrSet v6({network("::/0"), network("::/24")});
  EXPECT_FALSE(v6.contains(address("0.0.0.1")));
  const CidrSet v4({network("0.0.0.0/0"), network("0.0.0.0/24")});
  EXPECT_FALSE(v4.contains(address("::1")));
}

TEST(CidrSet, EmptyHoldsNothing) {
  EXPECT_TRUE(CidrSet().empty());
  EXPECT_FALSE(CidrSet().contains(address("192.0.2.1")));
}

TEST(CidrSet, AgreesWithASearchThroughAllOfManyNetworks) {
  std::vector<Cidr> networks;
  std::uint32_t state = 1;
  const auto next_byte = [&] {
    state = state * 1664525U + 1013904223U;
    return static_cast<std::uint8_t>(state >> 24U);
  };
  for (int i = 0; i < 500; ++i) {
    const int length = 4 + next_byte() % 29;
    const auto base = IpAddress::v4({next_byte(), next_byte(), next_byte(), next_byte()});
    networks.push_back({base.prefix(length), length});
  }
  const CidrSet set(networks);
  for (int i = 0; i < 2000; ++i) {
    const auto client = IpAddress::v4({next_byte(), next_byte(), next_byte(), next_byte()});
    std::optional<Cidr> best;
    for (const auto& candidate : networks) {
      if (candidate.contains(client) && (!best || candidate.length > best->length)) {
        best = candidate;
      }
    }
    ASSERT_EQ(set.find(client), best) << client.to_string();
  }
}

}  // namespace
}  // namespace smtpguard
