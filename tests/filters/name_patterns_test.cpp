#include "filters/name_patterns.hpp"

#include <gtest/gtest.h>

namespace smtpguard::filters {
namespace {

TEST(NamePatterns, ComparesOnLabelBoundariesInAnyCase) {
  NamePatterns patterns;
  patterns.add(".Example.org");
  patterns.add("mx.example.net");
  EXPECT_EQ(patterns.find("a.EXAMPLE.org"), ".example.org");
  EXPECT_EQ(patterns.find("a.b.example.org."), ".example.org");
  EXPECT_EQ(patterns.find("example.org"), "");
  EXPECT_EQ(patterns.find("evilexample.org"), "");
  EXPECT_EQ(patterns.find("mx.example.net"), "mx.example.net");
  EXPECT_EQ(patterns.find("a.mx.example.net"), "");
  EXPECT_EQ(patterns.find(""), "");
}

TEST(NamePatterns, FindsTheMostSpecificEntry) {
  NamePatterns patterns;
  patterns.add(".example.org");
  patterns.add(".a.example.org");
  patterns.add("x.a.example.org");
  EXPECT_EQ(patterns.find("x.a.example.org"), "x.a.example.org");
  EXPECT_EQ(patterns.find("y.a.example.org"), ".a.example.org");
  EXPECT_EQ(patterns.find("y.b.example.org"), ".example.org");
}

}  // namespace
}  // namespace smtpguard::filters
