#include "conf/base/rare.hpp"

#include <gtest/gtest.h>

#include <string>

namespace smtpguard {
namespace {

TEST(Rare, IsEmptyUntilItIsGivenAValue) {
  Rare<std::string> name;
  EXPECT_FALSE(name.has_value());
  name = std::string("mx.example.org");
  ASSERT_TRUE(name);
  EXPECT_EQ(*name, "mx.example.org");
  EXPECT_EQ(name->size(), 14U);
  name.reset();
  EXPECT_FALSE(name);
}

TEST(Rare, CopiesAreIndependent) {
  Rare<std::string> name(std::string("a"));
  Rare<std::string> copy = name;
  *copy += "b";
  EXPECT_EQ(*name, "a");
  EXPECT_EQ(*copy, "ab");
  const Rare<std::string>& same = name;
  name = same;
  EXPECT_EQ(*name, "a");
  copy = Rare<std::string>();
  EXPECT_FALSE(copy);
}

TEST(Rare, EqualMeansTheSameValueOrNone) {
  const Rare<std::string> none;
  EXPECT_EQ(none, Rare<std::string>());
  EXPECT_NE(none, Rare<std::string>(std::string()));
  EXPECT_EQ(Rare<std::string>(std::string("a")), Rare<std::string>(std::string("a")));
  EXPECT_NE(Rare<std::string>(std::string("a")), Rare<std::string>(std::string("b")));
}

TEST(Rare, CostsOnePointerWhileEmpty) {
  struct Large {
    char bytes[200];
  };
  EXPECT_EQ(sizeof(Rare<Large>), sizeof(void*));
}

}  // namespace
}  // namespace smtpguard
