// DataDecoder and DataEncoder together: what goes in, what a backend gets.
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <string_view>

#include "proxy/smtp/data_decoder.hpp"
#include "proxy/smtp/data_encoder.hpp"
#include "tests/support/cuts.hpp"
#include "tests/support/smtp_printers.hpp"
#include "tests/support/smuggling_oracle.hpp"

namespace smtpguard::smtp {
namespace {

using namespace std::string_literals;
using test::Relayed;

// The parts that must not depend on the cut.
void expect_relayed(std::string_view bytes, const Relayed& expected, const BodyRules& rules = {}) {
  for (const test::Chunks& chunks : test::all_cuts(bytes)) {
    SCOPED_TRACE(testing::PrintToString(chunks));
    const Relayed relayed = test::relay(chunks, rules);
    ASSERT_EQ(relayed.fault, expected.fault);
    ASSERT_EQ(relayed.faults_told, expected.fault == BodyFault::None ? 0U : 1U);
    ASSERT_EQ(relayed.ended, expected.ended);
    ASSERT_EQ(relayed.rest, expected.rest);
    ASSERT_EQ(test::smuggling_complaint(relayed), "");
    if (expected.fault == BodyFault::None) {
      ASSERT_EQ(relayed.message, expected.message);
      ASSERT_EQ(relayed.octets, expected.message.size());
    }
  }
}

void expect_message(std::string_view bytes, std::string message, std::string rest = {}) {
  Relayed expected;
  expected.message = std::move(message);
  expected.ended = true;
  expected.rest = std::move(rest);
  expect_relayed(bytes, expected);
}

void expect_fault(std::string_view bytes, BodyFault fault, std::string rest = {},
                  const BodyRules& rules = {}) {
  Relayed expected;
  expected.fault = fault;
  expected.ended = true;
  expected.rest = std::move(rest);
  expect_relayed(bytes, expected, rules);
}

BodyRules with_line_limit(std::size_t limit) {
  BodyRules rules;
  rules.line_limit = limit;
  return rules;
}

BodyRules normalising() {
  BodyRules rules;
  rules.bare_lf = BareLf::Normalise;
  return rules;
}

BodyRules seven_bit() {
  BodyRules rules;
  rules.allows_eight_bit = false;
  return rules;
}

TEST(Data, EndsAtCrLfDotCrLfAndLeavesTheNextCommand) {
  expect_message("Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n", "Subject: x\r\n\r\nhello\r\n",
                 "QUIT\r\n");
}

TEST(Data, TakesAnEmptyMessage) {
  expect_message(".\r\nRSET\r\n", "", "RSET\r\n");
}

TEST(Data, TakesEmptyLinesAndEightBitText) {
  expect_message("\r\n\r\n\xFF\xC3\xA4\r\n.\r\n", "\r\n\r\n\xFF\xC3\xA4\r\n");
}

TEST(Data, TakesStuffingAway) {
  expect_message("..\r\n...\r\n.a\r\n. \r\na.\r\n.\r\n", ".\r\n..\r\na\r\n \r\na.\r\n");
}

TEST(Data, DoesNotTakeADotWithBlanksForTheEnd) {
  expect_message(". \r\n.\t\r\n .\r\n.\v\r\n.\xC2\x85\r\n.\r\n",
                 " \r\n\t\r\n .\r\n\v\r\n\xC2\x85\r\n");
}

TEST(Data, WritesEachLineStuffedAnewByteForByte) {
  for (const test::Chunks& chunks : test::all_cuts("a\r\n..\r\n..b\r\n\r\n. c\r\n.\r\n")) {
    EXPECT_EQ(test::relay(chunks).written, "a\r\n..\r\n..b\r\n\r\n c\r\n.\r\n");
  }
}

TEST(Data, WaitsForTheEndForEver) {
  for (const std::string unfinished : {"", "a", "a\r", "a\r\n", "a\r\n.", "a\r\n.\r"}) {
    for (const test::Chunks& chunks : test::all_cuts(unfinished)) {
      const Relayed relayed = test::relay(chunks);
      EXPECT_FALSE(relayed.ended);
      EXPECT_EQ(relayed.fault, BodyFault::None);
      EXPECT_EQ(test::smuggling_complaint(relayed), "");
    }
  }
}

struct Smuggle {
  std::string_view sequence;
  BodyFault fault;
};

// Every sequence known from the SMTP smuggling papers and tools, in mid-message and with a whole
// second message behind it. Each is refused, and the end is where the true one is.
TEST(Data, RefusesEverySmugglingSequenceAndEndsAtTheTrueEnd) {
  const Smuggle table[] = {
      {"\n.\n", BodyFault::BareLf},
      {"\n.\r\n", BodyFault::BareLf},
      {"\r\n.\n", BodyFault::BareLf},
      {"\n.\r", BodyFault::BareLf},
      {"\n\n.\r\n", BodyFault::BareLf},
      {"\n.\r\r\n", BodyFault::BareLf},
      {"\r\n\n.\r\n", BodyFault::BareLf},
      {"\r.\r", BodyFault::BareCr},
      {"\r.\r\n", BodyFault::BareCr},
      {"\r.\n", BodyFault::BareCr},
      {"\r\n.\r", BodyFault::BareCr},
      {"\r\n.\r\r\n", BodyFault::BareCr},
      {"\r\r\n.\r\r\n", BodyFault::BareCr},
      {"\r\r\n.\n", BodyFault::BareCr},
      {"\r\n\r.\r\n", BodyFault::BareCr},
      {"\r\n\r.\r", BodyFault::BareCr},
      {{"\r\n\0.\r\n", 6}, BodyFault::Nul},
      {{"\r\n.\0\r\n", 6}, BodyFault::Nul},
      {{"\r\0\n.\r\n", 6}, BodyFault::BareCr},
      {{"\r\n.\r\0\n", 6}, BodyFault::BareCr},
      {{"\0\r\n.\n", 5}, BodyFault::Nul},
  };
  const std::string inner = "MAIL FROM:<evil@example>\r\nRCPT TO:<b@example>\r\nDATA\r\nx";
  for (const Smuggle& smuggle : table) {
    SCOPED_TRACE(testing::PrintToString(smuggle.sequence));
    expect_fault("a" + std::string(smuggle.sequence) + inner + "\r\n.\r\nQUIT\r\n", smuggle.fault,
                 "QUIT\r\n");
    expect_fault(std::string(smuggle.sequence) + inner + "\r\n.\r\n", smuggle.fault);
  }
}

TEST(Data, FindsTheTrueEndRightBehindAFault) {
  expect_fault("a\n\r\n.\r\nQ", BodyFault::BareLf, "Q");
  expect_fault("a\r\r\n.\r\nQ", BodyFault::BareCr, "Q");
  expect_fault("\r\n.\r\r\n.\r\nQ", BodyFault::BareCr, "Q");
  expect_fault(".\n\r\n.\r\nQ", BodyFault::BareLf, "Q");
  expect_fault("\0\r\n.\r\nQ"s, BodyFault::Nul, "Q");
}

TEST(Data, TellsTheFirstOfSeveralFaults) {
  expect_fault("ab\0c\rd\ne\r\n.\r\n"s, BodyFault::Nul);
  expect_fault("ab\rc\0d\r\n.\r\n"s, BodyFault::BareCr);
  expect_fault("ab\nc\0d\r\n.\r\n"s, BodyFault::BareLf);
}

TEST(Data, BoundsALine) {
  Relayed fits;
  fits.message = "12345678\r\n.2345678\r\n";
  fits.ended = true;
  const BodyRules eight = with_line_limit(8);
  expect_relayed("12345678\r\n..2345678\r\n.\r\n", fits, eight);
  expect_fault("123456789\r\n.\r\nQ", BodyFault::LineTooLong, "Q", eight);
  expect_fault("12345678\0\r\n.\r\n"s, BodyFault::Nul, "", eight);
  expect_fault("123456789\0\r\n.\r\n"s, BodyFault::LineTooLong, "", eight);
  expect_fault("12345678\r9\r\n.\r\n", BodyFault::BareCr, "", eight);
  expect_fault("12345678\n9\r\n.\r\n", BodyFault::BareLf, "", eight);
}

TEST(Data, TakesALineOfSixtyFourKibibytesAndNoMore) {
  const std::string longest(kTextLineLimit, 'x');
  const Relayed fits = test::relay(test::cut_at_random(longest + "\r\n.\r\n", 3));
  EXPECT_EQ(fits.fault, BodyFault::None);
  EXPECT_EQ(fits.message, longest + "\r\n");
  EXPECT_EQ(test::relay(test::cut_at_random(longest + "x\r\n.\r\n", 3)).fault,
            BodyFault::LineTooLong);
}

TEST(Data, RefusesEightBitTextWhereItWasNotAnnounced) {
  const std::string text = "a\r\n\xC3\xA4\r\n.\r\nQ";
  expect_fault(text, BodyFault::EightBit, "Q", seven_bit());
  expect_message("a\x7F\r\n.\r\n", "a\x7F\r\n");
  expect_fault("a\xE4\0\r\n.\r\n"s, BodyFault::EightBit, "", seven_bit());
  expect_fault("a\0\xE4\r\n.\r\n"s, BodyFault::Nul, "", seven_bit());
  expect_fault("a\n\xE4\r\n.\r\n", BodyFault::BareLf, "", seven_bit());
  BodyRules both = seven_bit();
  both.line_limit = 8;
  expect_fault(
      "1234567\xE4"
      "9\r\n.\r\n",
      BodyFault::EightBit, "", both);
  expect_fault("12345678\xE4\r\n.\r\n", BodyFault::LineTooLong, "", both);
}

// What an old device sends: LF behind each line of the text, and a proper end of data.
TEST(Data, TakesABareLfForALineEndWhereItMay) {
  Relayed expected;
  expected.message = "a\r\n\r\n.b\r\nc\r\n\r\n";
  expected.ended = true;
  expected.rest = "Q";
  expect_relayed("a\n\n..b\nc\n\r\n.\r\nQ", expected, normalising());
  EXPECT_EQ(test::relay(test::cut_whole("a\nb\nc\r\n.\r\n"), normalising()).normalised, 2U);
}

// A dot alone that a bare LF touches is text, on either side; it goes to the backend stuffed.
TEST(Data, EndsNoMessageAtABareLfWhateverItMayBeElse) {
  Relayed expected;
  expected.ended = true;
  expected.message = "a\r\n.\r\nMAIL\r\n";
  for (const std::string end : {"\n.\n", "\n.\r\n", "\r\n.\n"}) {
    const std::string stream = "a" + end + "MAIL\r\n.\r\n";
    expect_relayed(stream, expected, normalising());
    EXPECT_EQ(test::relay(test::cut_into_bytes(stream), normalising()).written,
              "a\r\n..\r\nMAIL\r\n.\r\n");
  }
  EXPECT_FALSE(test::relay(test::cut_into_bytes("a\n.\n"), normalising()).ended);
  EXPECT_FALSE(test::relay(test::cut_into_bytes(".\n.\r\n"), normalising()).ended);
  expect_relayed(".\n\r\n.\r\n", Relayed{"", ".\r\n\r\n", BodyFault::None, true, "", 0, 0, 0},
                 normalising());
  expect_relayed("\n.\r\n.\r\n", Relayed{"", "\r\n.\r\n", BodyFault::None, true, "", 0, 0, 0},
                 normalising());
}

TEST(Data, RefusesBareCrAndNulAlsoWhereBareLfMayBe) {
  expect_fault("a\n.\rb\r\n.\r\nQ", BodyFault::BareCr, "Q", normalising());
  expect_fault("a\n.\r\r\n.\r\nQ", BodyFault::BareCr, "Q", normalising());
  expect_fault("a\r.\r\nb\r\n.\r\n", BodyFault::BareCr, "", normalising());
  expect_fault("a\n\0.\n\r\n.\r\nQ"s, BodyFault::Nul, "Q", normalising());
  // Behind the fault, too, a bare LF is not part of the end.
  expect_fault("\0\n.\r\nb\r\n.\r\nQ"s, BodyFault::Nul, "Q", normalising());
}

TEST(Data, GoesOnCountingBehindAFault) {
  DataDecoder decoder;
  std::string_view input = "a\nbbbbbbbb\r\n.";
  EXPECT_EQ(decoder.next(input).kind, BodyPiece::Kind::Fault);
  EXPECT_EQ(decoder.next(input).kind, BodyPiece::Kind::NeedInput);
  EXPECT_EQ(decoder.octets(), 13U);
}

TEST(Data, TakesNothingBehindTheEnd) {
  DataDecoder decoder;
  std::string_view input = ".\r\nQUIT\r\n";
  EXPECT_EQ(decoder.next(input).kind, BodyPiece::Kind::End);
  EXPECT_EQ(decoder.next(input).kind, BodyPiece::Kind::End);
  EXPECT_EQ(input, "QUIT\r\n");
}

TEST(Data, GivesAWholeLineAsOneViewIntoTheInput) {
  DataDecoder decoder;
  const std::string bytes = "..dot\r\nnext";
  std::string_view input = bytes;
  const BodyPiece piece = decoder.next(input);
  EXPECT_EQ(piece.text, ".dot");
  EXPECT_TRUE(piece.ends_line);
  EXPECT_EQ(piece.text.data(), bytes.data() + 1);
}

TEST(Data, GivesPlainLinesTogether) {
  DataDecoder decoder;
  std::string_view input = "one\r\n\r\ntwo.\r\n..dot\r\nthree\r\nfo";
  EXPECT_EQ(decoder.next(input).text, "one\r\n\r\ntwo.\r\n");
  EXPECT_EQ(decoder.next(input).text, ".dot");
  const BodyPiece last = decoder.next(input);
  EXPECT_EQ(last.kind, BodyPiece::Kind::Lines);
  EXPECT_EQ(last.text, "three\r\n");
  EXPECT_EQ(decoder.next(input).text, "fo");
  EXPECT_EQ(decoder.octets(), 5U + 2 + 6 + 6 + 7 + 2);
}

TEST(Data, GivesTheLinesBeforeAFaultAndThenTheFault) {
  const std::pair<std::string, BodyFault> table[] = {
      {"a\0b\r\n"s, BodyFault::Nul},      {"a\rb\r\n", BodyFault::BareCr},
      {"a\r\r\n", BodyFault::BareCr},     {"a\nb\r\n", BodyFault::BareLf},
      {"a\xE4\r\n", BodyFault::EightBit}, {"123456789\r\n", BodyFault::LineTooLong},
  };
  BodyRules rules = seven_bit();
  rules.line_limit = 8;
  for (const auto& [line, fault] : table) {
    SCOPED_TRACE(testing::PrintToString(line));
    DataDecoder decoder(rules);
    const std::string bytes = "one\r\ntwo\r\n" + line + "three\r\n";
    std::string_view input = bytes;
    EXPECT_EQ(decoder.next(input).text, "one\r\ntwo\r\n");
    EXPECT_EQ(decoder.next(input).fault, fault);
  }
}

TEST(Data, TakesNoBareLfAmongPlainLinesWhateverTheLimit) {
  expect_fault("a\r\n\nb\r\n.\r\nQ", BodyFault::BareLf, "Q",
               with_line_limit(std::numeric_limits<std::size_t>::max() - 1));
}

TEST(Data, NamesItsFaults) {
  EXPECT_EQ(to_string(BodyFault::BareCr), "bare CR in message");
  EXPECT_EQ(to_string(BodyFault::BareLf), "bare LF in message");
  EXPECT_EQ(to_string(BodyFault::Nul), "NUL in message");
  EXPECT_EQ(to_string(BodyFault::LineTooLong), "line too long in message");
  EXPECT_EQ(to_string(BodyFault::EightBit), "8-bit text without BODY=8BITMIME in message");
}

TEST(DataEncoder, StuffsOnlyWhereItHasItselfEndedALine) {
  DataEncoder encoder;
  std::string out;
  encoder.text("", false, out);
  encoder.text(".a", false, out);
  encoder.text(".b", true, out);
  EXPECT_TRUE(encoder.is_at_line_start());
  encoder.text("", true, out);
  encoder.text(".", true, out);
  encoder.end(out);
  EXPECT_EQ(out, "..a.b\r\n\r\n..\r\n.\r\n");
}

// Bodies made of what framing is made of. The bytes in front decide nothing: whatever the client
// sends, all readers see one message when it ended without a fault, and none otherwise.
TEST(Data, HidesNothingFromAnyReader) {
  std::mt19937 random(20231218);
  constexpr std::string_view kAlphabet("\r\n\0. aZ\r\n.", 10);
  std::uniform_int_distribution<std::size_t> letter(0, kAlphabet.size() - 1);
  std::uniform_int_distribution<int> length(0, 40);
  std::uniform_int_distribution<int> one_in(0, 3);
  int accepted = 0;
  for (unsigned round = 0; round < 20000; ++round) {
    std::string body;
    for (int left = length(random); left > 0; --left) {
      if (one_in(random) == 0) {
        body += "\r\n";  // or nearly every body would be at fault
      } else {
        body += kAlphabet[letter(random)];
      }
    }
    const bool is_ended = one_in(random) != 0;
    const std::string stream = body + (is_ended ? "\r\n.\r\n" : "");
    const Relayed relayed = test::relay(test::cut_at_random(stream, round));
    ASSERT_EQ(test::smuggling_complaint(relayed), "") << testing::PrintToString(stream);
    // The strict reader's end is ours, also behind a fault; DATA's own CR LF stands in front.
    const std::string framed = "\r\n" + stream;
    const std::size_t end = framed.find("\r\n.\r\n");
    ASSERT_EQ(relayed.ended, end != std::string::npos) << testing::PrintToString(stream);
    if (relayed.ended) {
      ASSERT_EQ(relayed.rest, framed.substr(end + 5)) << testing::PrintToString(stream);
      accepted += relayed.fault == BodyFault::None ? 1 : 0;
    }
  }
  EXPECT_GT(accepted, 500);
}

TEST(SmugglingOracle, SeesWhatLaxReadersSee) {
  const std::string stream = "a\n.\nb\r.\rc\r\n\0.\r\nd\r\n.\r\r\ne\r\n.\r\n"s;
  std::string counts;
  for (const test::Laxness& reader : test::kReaders) {
    counts += std::string(reader.name) + " " +
              std::to_string(test::count_ends_of_data(stream, reader)) + "; ";
  }
  EXPECT_EQ(counts, "strict 1; LF 2; CR 3; NUL 2; CR runs 3; CR and LF 4; all 5; ");
}

}  // namespace
}  // namespace smtpguard::smtp
