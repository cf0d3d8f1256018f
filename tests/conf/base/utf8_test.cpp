#include "conf/base/utf8.hpp"

#include <gtest/gtest.h>

#include <tuple>

namespace smtpguard {
namespace {

TEST(Utf8Characters, ComeWithCodeAndLength) {
  const std::tuple<std::string_view, std::uint32_t, std::size_t> table[] = {
      {"ab", 'a', 1},
      {"\xC3\xA9x", 0xE9, 2},
      {"\xE2\x82\xAC", 0x20AC, 3},
      {"\xEF\xBF\xBF", 0xFFFF, 3},
      {"\xF0\x90\x80\x80", 0x10000, 4},
      {"\xF4\x8F\xBF\xBF", 0x10FFFF, 4},
  };
  for (const auto& [text, code, length] : table) {
    const Utf8Character character = next_utf8(text);
    EXPECT_TRUE(character.is_valid) << testing::PrintToString(text);
    EXPECT_EQ(character.code, code);
    EXPECT_EQ(character.length, length);
  }
}

TEST(Utf8Characters, ThatAreNotWellFormedComeByteByByte) {
  // Over-long, surrogate, beyond U+10FFFF, cut, no lead.
  for (const std::string_view text :
       {"\xC0\x80", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80"}) {
    const Utf8Character character = next_utf8(text);
    EXPECT_FALSE(character.is_valid) << testing::PrintToString(text);
    EXPECT_EQ(character.length, 1U);
  }
}

}  // namespace
}  // namespace smtpguard
