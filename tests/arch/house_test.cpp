// The house rules on the project itself: one test for each rule, so that a failure names the rule.
#include <gtest/gtest.h>

#include "tests/arch/house_rules.hpp"

namespace smtpguard::arch {
namespace {

const std::vector<SourceText>& project() {
  static const std::vector<SourceText> sources = load_sources(SMTPGUARD_SOURCE_DIR);
  return sources;
}

std::string told(const Breaches& breaches) {
  std::string text;
  for (const std::string& line : breaches) {
    text += "\n  " + line;
  }
  return text;
}

std::string all_breaches(Breaches (*rule)(const SourceText&)) {
  Breaches breaches;
  for (const SourceText& source : project()) {
    const Breaches found = rule(source);
    breaches.insert(breaches.end(), found.begin(), found.end());
  }
  return told(breaches);
}

TEST(House, IsReadWhole) {
  std::size_t headers = 0;
  for (const SourceText& source : project()) {
    headers += source.is_header() ? 1U : 0U;
  }
  EXPECT_GT(headers, 10U);
}

TEST(House, IncludesRunOneWay) {
  EXPECT_EQ(all_breaches(check_room_order), "");
}
TEST(House, LibrariesStayInTheirRooms) {
  EXPECT_EQ(all_breaches(check_library_rooms), "");
}
TEST(House, HeadersHaveNoCircles) {
  EXPECT_EQ(told(check_include_circles(project())), "");
}
TEST(House, CoAwaitStandsAlone) {
  EXPECT_EQ(all_breaches(check_co_await), "");
}
TEST(House, FilesAreShort) {
  EXPECT_EQ(all_breaches(check_length), "");
}
TEST(House, HeadersSayWhatTheyAre) {
  EXPECT_EQ(all_breaches(check_header_form), "");
}
TEST(House, OpenEndsNameTheirIssue) {
  EXPECT_EQ(all_breaches(check_open_ends), "");
}

}  // namespace
}  // namespace smtpguard::arch
