#include "filters/memory/key.hpp"

#include <gtest/gtest.h>

#include <string>

namespace smtpguard::filters::memory {
namespace {

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

TEST(Key, OfAnAddressIsItOrTheNetworkThatOneHostHas) {
  EXPECT_EQ(Key::address(ip("192.0.2.9")).text(), "192.0.2.9");
  EXPECT_EQ(Key::address(ip("2001:db8:1:2:3::9")).text(), "2001:db8:1:2::/64");
  EXPECT_EQ(Key::address(ip("2001:db8:1:2::1")), Key::address(ip("2001:db8:1:2:ffff::1")));
  EXPECT_NE(Key::address(ip("2001:db8:1:2::1")), Key::address(ip("2001:db8:1:3::1")));
}

TEST(Key, OfANetworkIsWhatAProviderGivesToOneCustomer) {
  EXPECT_EQ(Key::network(ip("192.0.2.9")).text(), "192.0.2.0/24");
  EXPECT_EQ(Key::network(ip("2001:db8:1:2::9")).text(), "2001:db8:1::/48");
}

TEST(Key, OfANameHasNoCaseAndNoLastDot) {
  EXPECT_EQ(Key::organisation("Example.ORG."), Key::organisation("example.org"));
  EXPECT_NE(Key::organisation("example.org"), Key::correspondent("example.org"));
}

TEST(Key, DoesNotCutWhatIsTooLong) {
  const std::string longest = std::string(Key::kLongest - 4, 'a') + ".net";
  EXPECT_TRUE(Key::organisation(longest));
  EXPECT_FALSE(Key::organisation('a' + longest));
  EXPECT_FALSE(Key::organisation("no host name"));
  EXPECT_FALSE(Key::organisation(""));
}

TEST(Key, OfAMessageKeepsNoMoreOfItThanAHash) {
  const Key key = Key::greylist("ffff:ffff:ffff:ffff::/64", "user@example.org user@example.net");
  EXPECT_TRUE(key.text().starts_with("ffff:ffff:ffff:ffff::/64#"));
  EXPECT_EQ(key.text().find("user"), std::string_view::npos);
  EXPECT_TRUE(key.is_message());
  const std::string pool(60, 'a');
  EXPECT_NE(Key::greylist(pool + ".net", "m"), Key::greylist(pool + ".org", "m"));
  EXPECT_FALSE(Key::greylist(pool));
}

TEST(Key, ComesBackFromItsTextAndFromNothingElse) {
  for (const Key& key :
       {Key::address(ip("192.0.2.9")), Key::address(ip("2001:db8::1")),
        Key::network(ip("192.0.2.9")), Key::network(ip("2001:db8::1")),
        Key::organisation("example.org").value(), Key::correspondent("example.org").value(),
        Key::correspondent("example.org", "192.0.2.0/24").value(),
        Key::greylist("192.0.2.9").value(), Key::greylist("192.0.2.0/24", "a@b c@d")}) {
    EXPECT_EQ(Key::restore(key.kind(), key.text()), key) << key.text();
    EXPECT_EQ(kind_of(to_string(key.kind())), key.kind());
  }
  EXPECT_FALSE(Key::restore(Key::Kind::Address, "192.0.2.0/24"));
  EXPECT_FALSE(Key::restore(Key::Kind::Network, "192.0.2.0/25"));
  EXPECT_FALSE(Key::restore(Key::Kind::Organisation, "'; drop table"));
  EXPECT_FALSE(Key::restore(Key::Kind::None, "192.0.2.9"));
}

}  // namespace
}  // namespace smtpguard::filters::memory
