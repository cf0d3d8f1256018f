#include "conf/base/clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smtpguard {
namespace {

TEST(UtcTimestamp, IsAMomentOfNowWithThreeDecimals) {
  const auto text = utc_timestamp();
  EXPECT_THAT(text, testing::MatchesRegex("20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:"
                                          "[0-6][0-9]\\.[0-9][0-9][0-9]Z"));
  EXPECT_LE(text, utc_timestamp());
}

}  // namespace
}  // namespace smtpguard
