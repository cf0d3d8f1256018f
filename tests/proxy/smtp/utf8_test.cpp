#include "proxy/smtp/utf8.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace smtpguard::smtp {
namespace {

TEST(Utf8, MeasuresThePrintableCharacterInFront) {
  EXPECT_EQ(printable_length(" "), 1U);
  EXPECT_EQ(printable_length("~x"), 1U);
  EXPECT_EQ(printable_length("\xC2\xA0x"), 2U);
  EXPECT_EQ(printable_length("\xE0\xA0\x80"), 3U);
  EXPECT_EQ(printable_length("\xED\x9F\xBF"), 3U);
  EXPECT_EQ(printable_length("\xE2\x82\xACx"), 3U);
  EXPECT_EQ(printable_length("\xF0\x90\x80\x80"), 4U);
  EXPECT_EQ(printable_length("\xF4\x8F\xBF\xBF"), 4U);
}

TEST(Utf8, FindsNothingPrintableInWhatMustNotPass) {
  const std::string_view table[] = {
      "",
      {"\0", 1},
      "\x1F",
      "\x7F",
      "\x80",
      "\xBF\x80",
      "\xC0\x80",          // over-long
      "\xC1\xBF",          // over-long
      "\xC2\x9F",          // C1
      "\xC3",              // cut
      "\xC3x",             //
      "\xE0\x9F\xBF",      // over-long
      "\xED\xA0\x80",      // surrogate
      "\xE2\x82",          // cut
      "\xE2\x82x",         //
      "\xF0\x8F\xBF\xBF",  // over-long
      "\xF4\x90\x80\x80",  // beyond U+10FFFF
      "\xF0\x90\x80",      // cut
      "\xF5\x80\x80\x80",  // no first octet
      "\xFF",
  };
  for (const std::string_view text : table) {
    EXPECT_EQ(printable_length(text), 0U) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace smtpguard::smtp
