#include "conf/base/escape.hpp"

#include <gtest/gtest.h>

namespace smtpguard {
namespace {

using namespace std::string_view_literals;

struct Rendering {
  std::string_view text;
  std::string_view plain;
  std::string_view json;
};

TEST(Escape, ShowsHostileTextOnOneHarmlessLine) {
  const Rendering renderings[] = {
      {"", "", R"("")"},
      {"mail from:<a@b>", "mail from:<a@b>", R"("mail from:<a@b>")"},
      {"a\r\nb\tc", R"(a\r\nb\tc)", R"("a\r\nb\tc")"},
      {"\0\x01\x7f"sv, R"(\0\x01\x7F)", R"("\u0000\u0001\u007F")"},
      {R"(say "\n")", R"(say \"\\n\")", R"("say \"\\n\"")"},
      {"\x1b]0;x\x07", R"(\x1B]0;x\x07)", R"("\u001B]0;x\u0007")"},
      {"b\xC3\xBC", "b\xC3\xBC", "\"b\xC3\xBC\""},
      {"\xE4\xBD\xA0\xF0\x9F\x93\xA7", "\xE4\xBD\xA0\xF0\x9F\x93\xA7",
       "\"\xE4\xBD\xA0\xF0\x9F\x93\xA7\""},
      // C1, line separator, right-to-left override, zero width space, tag character
      {"\xC2\x9B", R"(\xC2\x9B)", R"("\u009B")"},
      {"\xE2\x80\xA8", R"(\xE2\x80\xA8)", R"("\u2028")"},
      {"\xE2\x80\xAE", R"(\xE2\x80\xAE)", R"("\u202E")"},
      {"\xE2\x80\x8B", R"(\xE2\x80\x8B)", R"("\u200B")"},
      {"\xF3\xA0\x80\x81", R"(\xF3\xA0\x80\x81)", R"("\uDB40\uDC01")"},
      // latin-1, a lone continuation, overlong NUL, a surrogate, above U+10FFFF, a torn end
      {"\xFC"sv, R"(\xFC)", R"("\\xFC")"},
      {"\x80z"sv, R"(\x80z)", R"("\\x80z")"},
      {"\xC0\x80", R"(\xC0\x80)", R"("\\xC0\\x80")"},
      {"\xED\xA0\x80", R"(\xED\xA0\x80)", R"("\\xED\\xA0\\x80")"},
      {"\xF4\x90\x80\x80", R"(\xF4\x90\x80\x80)", R"("\\xF4\\x90\\x80\\x80")"},
      {"\xE4\xBD", R"(\xE4\xBD)", R"("\\xE4\\xBD")"},
      {"\xE4\xBD"
       "a",
       R"(\xE4\xBDa)", R"("\\xE4\\xBDa")"},
  };
  for (const auto& [text, plain, json] : renderings) {
    EXPECT_EQ(escape(text), plain);
    EXPECT_EQ(quote_json(text), json);
  }
}

TEST(Escape, OfEveryByteIsPrintableAscii) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    for (const auto& out : {escape(text), quote_value(text), quote_json(text)}) {
      for (const char c : out) {
        EXPECT_TRUE(c >= ' ' && c <= '~') << byte;
      }
    }
  }
}

TEST(Escape, TellsHowMuchItCut) {
  EXPECT_EQ(escape("abcdef", 6), "abcdef");
  EXPECT_EQ(escape("abcdef", 4), "abcd...(+2)");
  EXPECT_EQ(escape("abc\xC3\xBC", 4), "abc...(+2)");
  EXPECT_EQ(quote_value("abcdef", 4), "\"abcd...(+2)\"");
  EXPECT_EQ(quote_json("abcdef", 4), "\"abcd...(+2)\"");
  EXPECT_EQ(escape(std::string(100'000, 'a')), std::string(kLogTextLimit, 'a') + "...(+99488)");
}

TEST(QuoteValue, LeavesSimpleWordsBare) {
  EXPECT_EQ(quote_value("mx-1.example.org"), "mx-1.example.org");
  EXPECT_EQ(quote_value("[2001:db8::1]:25"), "[2001:db8::1]:25");
  EXPECT_EQ(quote_value("<a+b@example.org>"), "<a+b@example.org>");
  EXPECT_EQ(quote_value(""), "\"\"");
  EXPECT_EQ(quote_value("a b"), "\"a b\"");
  EXPECT_EQ(quote_value("a=b"), "\"a=b\"");
  EXPECT_EQ(quote_value("a\"b"), "\"a\\\"b\"");
  EXPECT_EQ(quote_value("\xC3\xBC"), "\"\xC3\xBC\"");
}

}  // namespace
}  // namespace smtpguard
