#include "conf/base/published.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace smtpguard {
namespace {

TEST(Published, BeginsEmptyAndIsReplacedAsAWhole) {
  Published<std::string> word;
  EXPECT_EQ(*word.get(), "");
  const auto before = word.get();
  word.set(std::make_shared<const std::string>("news"));
  EXPECT_EQ(*word.get(), "news");
  EXPECT_EQ(*before, "");  // whoever had it keeps it
}

TEST(Published, IsReadWhileItIsReplaced) {
  Published<std::string> word;
  word.set(std::make_shared<const std::string>(100, 'a'));
  std::thread writer([&] {
    for (int turn = 0; turn < 2000; ++turn) {
      word.set(std::make_shared<const std::string>(100, turn % 2 == 0 ? 'a' : 'b'));
    }
  });
  bool is_whole = true;
  for (int turn = 0; turn < 2000; ++turn) {
    const auto seen = word.get();
    is_whole = is_whole && seen->find_first_not_of(seen->front()) == std::string::npos;
  }
  writer.join();
  EXPECT_TRUE(is_whole);
}

}  // namespace
}  // namespace smtpguard
