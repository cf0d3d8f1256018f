#include "proxy/smtp/reply.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/cuts.hpp"
#include "tests/support/smtp_printers.hpp"

namespace smtpguard::smtp {
namespace {

using namespace std::string_literals;

struct Read {
  std::vector<Reply> replies;
  std::string error;
  bool is_midway = false;

  bool operator==(const Read&) const = default;
};

void PrintTo(const Read& read, std::ostream* out) {
  *out << testing::PrintToString(read.replies) << " error " << testing::PrintToString(read.error)
       << (read.is_midway ? " midway" : "");
}

Read read(const test::Chunks& chunks) {
  Read out;
  ReplyReader reader;
  for (const std::string& chunk : chunks) {
    std::string_view input = chunk;
    while (const auto result = reader.next(input)) {
      if (result->has_error()) {
        out.error = result->error().text;
        return out;
      }
      out.replies.push_back(result->value());
    }
    EXPECT_TRUE(input.empty());
  }
  out.is_midway = reader.is_midway();
  return out;
}

void expect_read(std::string_view bytes, const Read& expected) {
  for (const test::Chunks& chunks : test::all_cuts(bytes)) {
    EXPECT_EQ(read(chunks), expected) << testing::PrintToString(chunks);
  }
}

TEST(ReplyReader, ReadsRepliesHoweverTheyArrive) {
  expect_read("220 mx ESMTP\r\n250-mx\r\n250-SIZE 1000\r\n250 HELP\r\n354 go\r\n",
              {{{220, "", {"mx ESMTP"}}, {250, "", {"mx", "SIZE 1000", "HELP"}}, {354, "", {"go"}}},
               "",
               false});
}

TEST(ReplyReader, SplitsTheEnhancedCodeOffItsLines) {
  expect_read("550-5.7.1 no\r\n550-5.7.1\r\n550 5.7.1 sorry\r\n",
              {{{550, "5.7.1", {"no", "", "sorry"}}}, "", false});
  expect_read("421 4.3.22\r\n", {{{421, "4.3.22", {""}}}, "", false});
  expect_read("250 2.0.0  two blanks\r\n", {{{250, "2.0.0", {" two blanks"}}}, "", false});
}

TEST(ReplyReader, KeepsInTheTextWhatIsNoEnhancedCodeOfThisReply) {
  const std::string texts[] = {"5.7.1 x", "4.7 x",      "4.7.",       "4.",     "4",
                               "4.7.1x",  "4.7.1234 x", "4.1234.1 x", "4..1 x", "4.7.1.2 x"};
  for (const std::string& text : texts) {
    expect_read("450 " + text + "\r\n", {{{450, "", {text}}}, "", false});
  }
  expect_read("354 3.0.0 go\r\n", {{{354, "", {"3.0.0 go"}}}, "", false});
  expect_read("550-5.7.1 a\r\n550-5.7.12 b\r\n550 c\r\n",
              {{{550, "5.7.1", {"a", "5.7.12 b", "c"}}}, "", false});
}

TEST(ReplyReader, TakesBareCodesAndBareLf) {
  expect_read("250\r\n250-\n250 \n", {{{250, "", {""}}, {250, "", {"", ""}}}, "", false});
}

TEST(ReplyReader, LeavesWhatStandsBehindAReply) {
  ReplyReader reader;
  std::string_view input = "250 ok\r\n250 early\r\n";
  const auto result = reader.next(input);
  ASSERT_TRUE(result && result->has_value());
  EXPECT_EQ(input, "250 early\r\n");
  EXPECT_FALSE(reader.is_midway());
}

TEST(ReplyReader, KnowsThatItIsMidway) {
  for (const char* bytes : {"2", "250", "250-a\r\n", "250-a\r\n25", "250 a\r"}) {
    expect_read(bytes, {{}, "", true});
  }
}

TEST(ReplyReader, RefusesWhatIsNoReply) {
  const std::pair<std::string, std::string> table[] = {
      {"\r\n", R"(reply: no code of 200 to 599 in "")"},
      {"\n", R"(reply: no code of 200 to 599 in "")"},
      {"25\r\n", R"(reply: no code of 200 to 599 in "25")"},
      {"150 x\r\n", R"(reply: no code of 200 to 599 in "150 x")"},
      {"650 x\r\n", R"(reply: no code of 200 to 599 in "650 x")"},
      {" 250 x\r\n", R"(reply: no code of 200 to 599 in " 250 x")"},
      {"+OK\x1B[2J\r\n", R"(reply: no code of 200 to 599 in "+OK?[2J")"},
      {"2500 x\r\n", R"(reply: neither space nor hyphen behind the code in "2500 x")"},
      {"250_x\r\n", R"(reply: neither space nor hyphen behind the code in "250_x")"},
      {"250-a\r\n251 b\r\n", "reply: code 250 and then 251 in one reply"},
      {"250-a\r\nb\r\n", R"(reply: no code of 200 to 599 in "b")"},
      {"250 a\rb\r\n", "reply: bare CR"},
      {"250 a\r\r\n", "reply: bare CR"},
      {"250 a\0b\r\n"s, "reply: NUL"},
      {std::string(2049, 'x') + "\r\n", "reply: line longer than 2048 octets"},
      {std::string(3000, 'x'), "reply: line longer than 2048 octets"},
  };
  for (const auto& [bytes, error] : table) {
    expect_read(bytes, {{}, error, false});
  }
}

TEST(ReplyReader, BoundsTheNumberOfLines) {
  std::string bytes;
  Reply expected{250, "", {}};
  for (std::size_t i = 1; i < kReplyLinesLimit; ++i) {
    bytes += "250-x\r\n";
    expected.lines.emplace_back("x");
  }
  expected.lines.emplace_back("y");
  expect_read(bytes + "250 y\r\n", {{expected}, "", false});
  expect_read(bytes + "250-x\r\n250 y\r\n", {{}, "reply: more than 128 lines", false});
}

TEST(ReplyReader, CleansAndCutsText) {
  expect_read("250 a\x1B[31m\t\xC2\x9B\xFF\xC3\xA4\xE2\x82\x7F\r\n",
              {{{250, "", {"a?[31m????\xC3\xA4???"}}}, "", false});
  expect_read("250 " + std::string(509, 'x') + "\xC3\xA4\r\n",
              {{{250, "", {std::string(509, 'x')}}}, "", false});
}

TEST(ReplyReader, StaysOutOfStepAfterAnError) {
  ReplyReader reader;
  std::string_view input = "junk\r\n250 ok\r\n";
  EXPECT_TRUE(reader.next(input)->has_error());
  EXPECT_TRUE(input.empty());
  input = "250 ok\r\n";
  EXPECT_TRUE(reader.next(input)->has_error());
  EXPECT_FALSE(reader.is_midway());
}

TEST(Reply, IsWrittenWithItsCodesOnEachLine) {
  EXPECT_EQ((Reply{250, "", {"mx", "SIZE 1"}}).to_wire(), "250-mx\r\n250 SIZE 1\r\n");
  EXPECT_EQ((Reply{550, "5.7.1", {"no", "sorry"}}).to_wire(),
            "550-5.7.1 no\r\n550 5.7.1 sorry\r\n");
  EXPECT_EQ(make_reply(354, "", "go").to_wire(), "354 go\r\n");
  EXPECT_EQ((Reply{250, "", {}}).to_wire(), "250 \r\n");
}

TEST(Reply, CannotBeSplitByItsText) {
  EXPECT_EQ(make_reply(550, "5.7.1\r\n", "a\r\n250 ok\0\x1B"s).to_wire(),
            "550 5.7.1?? a??250 ok??\r\n");
}

TEST(Reply, CutsLinesAt510OctetsAndNoCharacterInHalf) {
  EXPECT_EQ(make_reply(550, "5.7.1", std::string(600, 'x')).to_wire(),
            "550 5.7.1 " + std::string(500, 'x') + "\r\n");
  EXPECT_EQ(make_reply(250, "", std::string(505, 'x') + "\xE2\x82\xAC").to_wire(),
            "250 " + std::string(505, 'x') + "\r\n");
}

TEST(Reply, SummarisesItsFirstLine) {
  EXPECT_EQ((Reply{550, "5.7.1", {"no", "sorry"}}).summary(), "550 5.7.1 no");
  EXPECT_EQ((Reply{250, "", {""}}).summary(), "250");
}

TEST(Reply, KnowsItsClass) {
  EXPECT_TRUE(make_reply(354, "", "").is_positive());
  EXPECT_TRUE(make_reply(451, "", "").is_temporary_failure());
  EXPECT_TRUE(make_reply(550, "", "").is_permanent_failure());
  EXPECT_FALSE(make_reply(550, "", "").is_positive());
}

}  // namespace
}  // namespace smtpguard::smtp
