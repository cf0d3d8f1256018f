#include "filters/access.hpp"

#include <gtest/gtest.h>

namespace smtpguard::filters {
namespace {

CidrSet networks(std::initializer_list<const char*> texts) {
  std::vector<Cidr> all;
  for (const char* text : texts) {
    all.push_back(Cidr::parse(text).value());
  }
  return CidrSet(std::move(all));
}

Access answer(const AccessSettings& lists, const char* client) {
  return look_up(lists, IpAddress::parse(client).value()).access;
}

TEST(Access, FindsWhoIsListedAndNobodyElse) {
  const AccessSettings lists{networks({"192.0.2.0/24"}), networks({"2001:db8::/32"})};
  EXPECT_EQ(answer(lists, "192.0.2.9"), Access::Allow);
  EXPECT_EQ(answer(lists, "2001:db8::9"), Access::Deny);
  EXPECT_EQ(answer(lists, "198.51.100.1"), Access::Unlisted);
}

TEST(Access, LetsTheMoreSpecificEntryWin) {
  const AccessSettings lists{networks({"192.0.2.9"}), networks({"192.0.2.0/24"})};
  EXPECT_EQ(answer(lists, "192.0.2.9"), Access::Allow);
  EXPECT_EQ(answer(lists, "192.0.2.10"), Access::Deny);
}

TEST(Access, LetsDenyWinATie) {
  const AccessSettings lists{networks({"192.0.2.0/24"}), networks({"192.0.2.0/24"})};
  EXPECT_EQ(answer(lists, "192.0.2.9"), Access::Deny);
}

TEST(Access, NamesTheEntryThatDecided) {
  const AccessSettings lists{{}, networks({"192.0.2.0/24", "192.0.0.0/16"})};
  const auto found = look_up(lists, IpAddress::parse("192.0.2.9").value());
  EXPECT_EQ(found.entry.to_string(), "192.0.2.0/24");
}

}  // namespace
}  // namespace smtpguard::filters
