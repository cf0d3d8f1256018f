#include "filters/maxmind_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/maxmind_database.hpp"

namespace smtpguard::filters {
namespace {

using testing::HasSubstr;

const std::vector<test::SystemOfNetwork> kSystems{
    {"192.0.2.0/24", 64500, "Example Networks"},
    {"192.0.2.128/25", 64501, "Example Customer"},
    {"2001:db8::/32", 4200000000, "Six"},
};

std::optional<MaxMindFile::Found> find(const MaxMindFile& file, const char* address) {
  return file.find(IpAddress::parse(address).value());
}

MaxMindFile::Found found(std::uint32_t number, const char* name, const char* network) {
  return {number, name, Cidr::parse(network).value()};
}

TEST(MaxMindFile, FindsTheSystemInTreesOfEachSize) {
  for (const int size : {24, 28, 32}) {
    const auto file = MaxMindFile::open(test::maxmind_database(kSystems, size));
    ASSERT_TRUE(file.has_value()) << size;
    EXPECT_EQ(file->type(), "Test-ASN");
    EXPECT_EQ(find(*file, "192.0.2.9"), found(64500, "Example Networks", "192.0.2.0/25")) << size;
    EXPECT_EQ(find(*file, "192.0.2.200"), found(64501, "Example Customer", "192.0.2.128/25"));
    EXPECT_EQ(find(*file, "2001:db8:1::1"), found(4200000000, "Six", "2001:db8::/32"));
    EXPECT_EQ(find(*file, "192.0.3.1"), std::nullopt);
    EXPECT_EQ(find(*file, "2001:db9::1"), std::nullopt);
  }
}

TEST(MaxMindFile, ReadsATreeOfIpv4Alone) {
  const auto file =
      MaxMindFile::open(test::maxmind_database({{"192.0.2.0/24", 64500, "Four"}}, 24, false));
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(find(*file, "192.0.2.9"), found(64500, "Four", "192.0.2.0/24"));
  EXPECT_EQ(find(*file, "2001:db8::1"), std::nullopt);
}

TEST(MaxMindFile, SaysWhatIsNoSuchFile) {
  EXPECT_THAT(MaxMindFile::open("").error().text, HasSubstr("MaxMind"));
  EXPECT_THAT(MaxMindFile::open("192.0.2.0/24").error().text, HasSubstr("MaxMind"));
  EXPECT_THAT(MaxMindFile::open("\xab\xcd\xefMaxMind.com").error().text, HasSubstr("damaged"));
  const std::string whole = test::maxmind_database(kSystems);
  const auto mark = whole.find("\xab\xcd\xef");
  EXPECT_THAT(MaxMindFile::open(whole.substr(mark - 10)).error().text, HasSubstr("does not fit"));
}

TEST(MaxMindFile, FindsNothingWhereTheDataIsCut) {
  std::string bytes = test::maxmind_database(kSystems);
  const auto name = bytes.find("Example Customer");
  for (std::size_t i = name - 60; i < name; ++i) {
    std::string damaged = bytes;
    damaged[i] = '\xFF';
    const auto file = MaxMindFile::open(damaged);
    ASSERT_TRUE(file.has_value());
    (void)find(*file, "192.0.2.200");  // whatever it is, it is within the file
  }
}

}  // namespace
}  // namespace smtpguard::filters
