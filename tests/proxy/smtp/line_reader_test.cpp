#include "proxy/smtp/line_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/cuts.hpp"
#include "tests/support/smtp_printers.hpp"

namespace smtpguard::smtp {
namespace {

// A Line that outlives its input.
struct KeptLine {
  std::string text;
  bool bare_lf = false;
  bool overlong = false;

  bool operator==(const KeptLine&) const = default;
};

void PrintTo(const KeptLine& line, std::ostream* out) {
  PrintTo(Line{line.text, line.bare_lf, line.overlong}, out);
}

std::vector<KeptLine> read(LineReader& reader, const test::Chunks& chunks) {
  std::vector<KeptLine> lines;
  for (const std::string& chunk : chunks) {
    std::string_view input = chunk;
    while (const auto line = reader.next(input)) {
      lines.push_back({std::string(line->text), line->bare_lf, line->overlong});
    }
    EXPECT_TRUE(input.empty());
  }
  return lines;
}

void expect_lines(std::string_view bytes, const std::vector<KeptLine>& expected,
                  std::size_t limit = kCommandLineLimit) {
  for (const test::Chunks& chunks : test::all_cuts(bytes)) {
    LineReader reader(limit);
    EXPECT_EQ(read(reader, chunks), expected) << testing::PrintToString(chunks);
  }
}

TEST(LineReader, CutsLinesAtCrLfHoweverTheyArrive) {
  expect_lines("EHLO a\r\nMAIL FROM:<>\r\n\r\nQUIT\r\n",
               {{"EHLO a"}, {"MAIL FROM:<>"}, {""}, {"QUIT"}});
}

TEST(LineReader, TellsBareLfAndKeepsTheStreamInStep) {
  expect_lines("RSET\n\nNOOP\r\nx", {{"RSET", true}, {"", true}, {"NOOP"}});
}

TEST(LineReader, LeavesALoneCrInTheText) {
  expect_lines("a\rb\r\n\r\r\nc\r\n", {{"a\rb"}, {"\r"}, {"c"}});
}

TEST(LineReader, PassesNulAndEightBitBytes) {
  expect_lines(std::string_view("\x16\x03\x01\0\xFF\r\n", 7),
               {{std::string("\x16\x03\x01\0\xFF", 5)}});
}

TEST(LineReader, ReportsOverlongLineOnceAndStaysInStep) {
  expect_lines("12345678\r\n123456789\r\n1234567890123456\nok\r\n",
               {{"12345678"}, {"12345678", false, true}, {"12345678", true, true}, {"ok"}}, 8);
}

TEST(LineReader, CountsACrAtTheLimitAsLineEndOnlyBeforeLf) {
  expect_lines("1234\r\n1234\rx\r\n", {{"1234"}, {"1234", false, true}}, 4);
}

TEST(LineReader, KnowsAHopelessLineAndKeepsOnlyItsBeginning) {
  LineReader reader(16);
  const std::string junk(1000, 'x');
  for (int i = 0; i < 65; ++i) {
    std::string_view input = junk;
    EXPECT_FALSE(reader.next(input));
    EXPECT_EQ(reader.is_hopeless(), reader.unfinished() > kHopelessLine);
  }
  EXPECT_FALSE(reader.is_hopeless());
  std::string_view input = junk;
  EXPECT_FALSE(reader.next(input));
  EXPECT_TRUE(reader.is_hopeless());
  EXPECT_EQ(reader.unfinished(), 66000U);
  EXPECT_EQ(reader.kept(), std::string(16, 'x'));
}

TEST(LineReader, ForgetsTheUnfinishedLineOnReset) {
  LineReader reader;
  EXPECT_EQ(read(reader, {"MAIL FROM:<a@b\r"}), std::vector<KeptLine>{});
  reader.reset();
  EXPECT_EQ(reader.unfinished(), 0U);
  EXPECT_EQ(reader.kept(), "");
  EXPECT_EQ(read(reader, {"\nQUIT\r\n"}), (std::vector<KeptLine>{{"", true}, {"QUIT"}}));
}

// An idle session must stay small: what is kept between lines lies inside the reader itself.
TEST(LineReader, KeepsNoHeapBetweenLines) {
  LineReader reader;
  read(reader, {std::string(2000, 'x'), "y\r\n"});
  const auto* begin = reinterpret_cast<const char*>(&reader);
  const char* kept = reader.kept().data();
  EXPECT_TRUE(kept >= begin && kept < begin + sizeof(reader));
}

TEST(LineReader, GivesAViewIntoTheInputForAWholeLine) {
  LineReader reader;
  const std::string bytes = "EHLO mail.example.org with a long tail\r\n";
  std::string_view input = bytes;
  const auto line = reader.next(input);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text.data(), bytes.data());
}

}  // namespace
}  // namespace smtpguard::smtp
