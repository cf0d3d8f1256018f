#include "conf/base/text.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace smtpguard {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

TEST(Text, CaseIsAsciiOnly) {
  EXPECT_EQ(to_lower("MAIL From:<\xC4@X>"), "mail from:<\xC4@x>");
  EXPECT_EQ(to_upper("mail\xE4"), "MAIL\xE4");
  EXPECT_TRUE(equals_ignoring_case("EhLo", "eHlO"));
  EXPECT_FALSE(equals_ignoring_case("EHLO", "EHL"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));
  EXPECT_TRUE(starts_with_ignoring_case("from:<a>", "FROM:"));
  EXPECT_FALSE(starts_with_ignoring_case("FRO", "FROM:"));
}

TEST(Text, TrimTakesBlanksFromBothEndsOnly) {
  EXPECT_EQ(trim(" \ta b\t "), "a b");
  EXPECT_EQ(trim(" \t "), "");
  EXPECT_EQ(trim("a\r"), "a\r");
}

TEST(Text, NumberIsDigitsWithoutOverflow) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("007"), 7U);
  EXPECT_EQ(parse_number("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  for (const auto text :
       {"", "+1", "-1", " 1", "1 ", "1a", "0x1", "18446744073709551616", "99999999999999999999"}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
}

TEST(Text, DurationIsAWholeNumberAndOneUnit) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("0s"), 0ms);
  EXPECT_EQ(parse_duration("6s"), 6s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("30d"), 720h);
  for (const auto text : {"", "6", "s", "1.5s", "-1s", " 6s", "6 s", "6S", "6sec", "1m30s",
                          "99999999999d", "18446744073709551615ms"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Text, ByteCountTakesDecimalAndBinaryUnits) {
  EXPECT_EQ(parse_byte_count("512"), ByteCount{512});
  EXPECT_EQ(parse_byte_count("64KB"), ByteCount{64'000});
  EXPECT_EQ(parse_byte_count("50MB"), ByteCount{50'000'000});
  EXPECT_EQ(parse_byte_count("1GB"), ByteCount{1'000'000'000});
  EXPECT_EQ(parse_byte_count("64KiB"), ByteCount{65'536});
  EXPECT_EQ(parse_byte_count("1MiB"), ByteCount{1'048'576});
  EXPECT_EQ(parse_byte_count("2GiB"), ByteCount{2'147'483'648});
  for (const auto text : {"", "MB", "50mb", "50 MB", "1.5MB", "-1", "50M", "99999999999999999GB"}) {
    EXPECT_FALSE(parse_byte_count(text)) << text;
  }
}

TEST(Text, DurationIsShownShort) {
  const std::pair<std::chrono::milliseconds, std::string_view> shown[] = {
      {0ms, "0s"},      {7ms, "7ms"},        {999ms, "999ms"},     {1000ms, "1s"},
      {1234ms, "1.2s"}, {59'999ms, "59.9s"}, {60s, "1m"},          {90s, "1m30s"},
      {60'500ms, "1m"}, {5min, "5m"},        {125min, "2h5m"},     {7200s, "2h"},
      {3605s, "1h"},    {720h, "30d"},       {25h + 5min, "1d1h"}, {-1500ms, "-1.5s"},
  };
  for (const auto& [duration, text] : shown) {
    EXPECT_EQ(format_duration(duration), text);
  }
}

TEST(Text, PortIsANumberWithoutLeadingZeros) {
  EXPECT_EQ(parse_port("0"), 0U);
  EXPECT_EQ(parse_port("65535"), 65535U);
  for (const char* text : {"", "65536", "025", "00", "+1", "1 ", "18446744073709551616"}) {
    EXPECT_FALSE(parse_port(text)) << text;
  }
}

TEST(Text, HostNameHasLabelsOfLettersDigitsHyphens) {
  const std::string label63(63, 'a');
  for (const std::string& text :
       {std::string("a"), std::string("mx.example.org"), std::string("xn--bcher-kva.example"),
        std::string("_dmarc.example"), std::string("3com.example"), label63 + ".x",
        label63 + '.' + label63 + '.' + label63 + '.' + std::string(61, 'b')}) {
    EXPECT_TRUE(is_host_name(text)) << text;
  }
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".a"), std::string("a."), std::string("a..b"),
        std::string("-a"), std::string("a-.b"), std::string("a b"), std::string("a\0b", 3),
        std::string("b\xC3\xBC"), std::string("a/b"), std::string("[1.2.3.4]"), label63 + "a",
        label63 + '.' + label63 + '.' + label63 + '.' + std::string(62, 'b')}) {
    EXPECT_FALSE(is_host_name(text)) << text;
  }
}

TEST(Text, EditDistanceCountsASwapOnce) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("", "ab"), 2U);
  EXPECT_EQ(edit_distance("proxyv2", "proxy-v2"), 1U);
  EXPECT_EQ(edit_distance("adress", "address"), 1U);
  EXPECT_EQ(edit_distance("addrses", "address"), 1U);
  EXPECT_EQ(edit_distance("teaser", "tester"), 2U);
}

}  // namespace
}  // namespace smtpguard
