#include "conf/base/descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace smtpguard {
namespace {

int any_descriptor() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool is_open(int number) {
  return ::fcntl(number, F_GETFD) != -1;
}

TEST(Descriptor, IsClosedByItsOwner) {
  const int number = any_descriptor();
  {
    const Descriptor owner(number);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, MovesAndClosesWhatItHadBefore) {
  const int number = any_descriptor();
  const int before = any_descriptor();
  Descriptor first(number);
  Descriptor second(before);
  second = std::move(first);
  EXPECT_FALSE(is_open(before));
  EXPECT_TRUE(is_open(number));
  EXPECT_EQ(second.get(), number);
}

TEST(Descriptor, ThatWasReleasedIsNotClosed) {
  const int number = any_descriptor();
  Descriptor owner(number);
  EXPECT_EQ(owner.release(), number);
  EXPECT_FALSE(owner.is_valid());
  owner.close();
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

}  // namespace
}  // namespace smtpguard
