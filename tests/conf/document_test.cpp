#include "conf/document.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/file.hpp"

namespace smtpguard::conf {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string error_of(std::string_view text) {
  const auto document = Document::parse(text, "smtpguard.toml");
  return document ? "no error" : document.error().text;
}

TEST(Document, KeepsThePositionOfEachKeyAndValue) {
  const auto document = Document::parse("[backend]\n  address = \"a\"\n", "x");
  ASSERT_TRUE(document.has_value());
  const auto& root = std::get<Table>(document->root().content);
  ASSERT_EQ(root.size(), 1U);
  EXPECT_EQ(root[0].key, "backend");
  const auto& backend = std::get<Table>(root[0].value.content);
  ASSERT_EQ(backend.size(), 1U);
  EXPECT_EQ(backend[0].position, (Position{2, 3}));
  EXPECT_EQ(backend[0].value.position, (Position{2, 13}));
  EXPECT_EQ(std::get<std::string>(backend[0].value.content), "a");
}

TEST(Document, HoldsEveryTypeOfToml) {
  const auto document = Document::parse(
      "a=1\nb=1.5\nc=true\nd=\"t\"\ne=2026-11-23\nf=07:32:00\ng=2026-11-23T07:32:00Z\n"
      "h=[1,[2]]\ni={x=1}\n",
      "x");
  ASSERT_TRUE(document.has_value());
  const auto& root = std::get<Table>(document->root().content);
  ASSERT_EQ(root.size(), 9U);
  EXPECT_EQ(std::get<std::int64_t>(root[0].value.content), 1);
  EXPECT_EQ(std::get<double>(root[1].value.content), 1.5);
  EXPECT_EQ(std::get<Moment>(root[4].value.content).text, "2026-11-23");
  EXPECT_EQ(std::get<Moment>(root[5].value.content).text, "07:32:00");
  EXPECT_EQ(std::get<Array>(root[7].value.content).size(), 2U);
}

TEST(Document, TellsASyntaxErrorWithItsPlace) {
  EXPECT_THAT(error_of("a = 1\nb = \n"), StartsWith("smtpguard.toml:2:"));
  EXPECT_THAT(error_of("[backend\n"), StartsWith("smtpguard.toml:1:"));
  EXPECT_THAT(error_of("a = 1\na = 2\n"), StartsWith("smtpguard.toml:2:"));
  EXPECT_THAT(error_of("a = \"\x1b\"\n"), StartsWith("smtpguard.toml:1:"));
  EXPECT_THAT(error_of("\xff"), StartsWith("smtpguard.toml:1:"));
}

TEST(Document, ShowsNoControlsInASyntaxError) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string error = error_of("a = x" + std::string(1, static_cast<char>(byte)) + "\n");
    for (const char c : error) {
      EXPECT_GE(static_cast<unsigned char>(c), ' ') << byte;
    }
  }
}

TEST(Document, RefusesWhatIsTooLarge) {
  const std::string text(to_number(kDocumentLimit) + 1, '\n');
  EXPECT_EQ(error_of(text), "smtpguard.toml: is larger than 1000000 bytes");
}

TEST(Document, BoundsDottedKeysSoThatTheStackHolds) {
  std::string text = "\na";
  for (int i = 0; i < 300'000; ++i) {
    text += ".a";
  }
  EXPECT_EQ(error_of(text + " = 1\n"), "smtpguard.toml:2:1: more than 64 dots without a separator");
  EXPECT_THAT(error_of("a = " + std::string(100'000, '[')), StartsWith("smtpguard.toml:1:"));
}

TEST(Document, ThatIsMissingIsOneClearLine) {
  const auto document = Document::load("/nonexistent/smtpguard.toml");
  ASSERT_FALSE(document.has_value());
  EXPECT_EQ(document.error().text,
            "/nonexistent/smtpguard.toml: cannot be read: No such file or directory");
}

TEST(ReadFile, TakesOnlyRegularFilesAndNeverBlocks) {
  EXPECT_EQ(read_file("/tmp", kDocumentLimit).error().text, "/tmp: is not a regular file");
  EXPECT_EQ(read_file("/dev/zero", kDocumentLimit).error().text,
            "/dev/zero: is not a regular file");
  EXPECT_THAT(read_file("", kDocumentLimit).error().text, HasSubstr("cannot be read"));
}

TEST(ResolveBeside, LooksFromTheFolderOfTheBase) {
  EXPECT_EQ(resolve_beside("lists/deny", "/etc/smtpguard.toml"), "/etc/lists/deny");
  EXPECT_EQ(resolve_beside("/srv/deny", "/etc/smtpguard.toml"), "/srv/deny");
  EXPECT_EQ(resolve_beside("deny", "smtpguard.toml"), "deny");
  EXPECT_EQ(resolve_beside("", "/etc/smtpguard.toml"), "");
}

}  // namespace
}  // namespace smtpguard::conf
