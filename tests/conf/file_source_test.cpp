#include "conf/file_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/document.hpp"
#include "conf/reader.hpp"

namespace smtpguard::conf {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr ByteCount kLimit{1000};

class CountingFiles final : public FileSource {
 public:
  Result<std::string> read(const std::string& path, ByteCount /*limit*/) override {
    ++reads;
    if (path == "absent") {
      return Error{"absent: cannot be read: No such file or directory"};
    }
    return "content of " + path + std::string(1, '\0');
  }
  bool lacks_folder(const std::string& path) override { return path == "/nowhere"; }

  int reads = 0;
};

TEST(FileBundle, ReadsEachFileOnce) {
  CountingFiles files;
  FileBundle bundle(files);
  EXPECT_EQ(bundle.read("a", kLimit).value(), bundle.read("a", kLimit).value());
  EXPECT_TRUE(bundle.read("absent", kLimit).has_error());
  EXPECT_TRUE(bundle.read("absent", kLimit).has_error());
  EXPECT_EQ(files.reads, 2);
}

TEST(FileBundle, AnswersTheSameInAnotherProcess) {
  CountingFiles files;
  FileBundle recorded(files);
  const auto content = recorded.read("a", kLimit);
  const auto trouble = recorded.read("absent", kLimit);
  recorded.lacks_folder("/nowhere");
  recorded.lacks_folder("/var/log");

  auto bundle = FileBundle::from_bytes(recorded.to_bytes());
  ASSERT_TRUE(bundle.has_value());
  EXPECT_EQ(bundle->read("a", kLimit).value(), content.value());
  EXPECT_EQ(bundle->read("absent", kLimit).error().text, trouble.error().text);
  EXPECT_TRUE(bundle->lacks_folder("/nowhere"));
  EXPECT_FALSE(bundle->lacks_folder("/var/log"));
  EXPECT_EQ(files.reads, 2);
}

TEST(FileBundle, KnowsNothingElseOnceItIsHandedOver) {
  CountingFiles files;
  auto bundle = FileBundle::from_bytes(FileBundle(files).to_bytes());
  ASSERT_TRUE(bundle.has_value());
  EXPECT_EQ(bundle->read("/etc/passwd", kLimit).error().text,
            "/etc/passwd: is not among the files that were handed over");
  EXPECT_FALSE(bundle->lacks_folder("/nowhere"));
}

TEST(FileBundle, RefusesWhatItHasNotWritten) {
  CountingFiles files;
  FileBundle recorded(files);
  ASSERT_TRUE(recorded.read("a", kLimit).has_value());
  const std::string bytes = recorded.to_bytes();
  EXPECT_TRUE(FileBundle::from_bytes("").has_error());
  EXPECT_TRUE(FileBundle::from_bytes("something else").has_error());
  EXPECT_TRUE(FileBundle::from_bytes(bytes + "T").has_error());
  std::string bad_kind = bytes;
  bad_kind[bytes.find('T')] = '?';
  EXPECT_TRUE(FileBundle::from_bytes(bad_kind).has_error());
  std::string too_long = bytes;
  too_long[bytes.find('T') + 1] = '\xff';
  EXPECT_TRUE(FileBundle::from_bytes(too_long).has_error());
}

TEST(FileBundle, IsWhatADocumentAndItsListFilesAreReadFrom) {
  class Lists final : public FileSource {
   public:
    Result<std::string> read(const std::string& path, ByteCount /*limit*/) override {
      return std::string(path == "/c/t.toml" ? "files = [\"deny\"]" : "192.0.2.1\n");
    }
    bool lacks_folder(const std::string& /*path*/) override { return false; }
  } lists;
  FileBundle recorded(lists);
  const auto read = [](FileSource& files) {
    const auto document = Document::load("/c/t.toml", files);
    Reading reading(*document, files);
    const auto networks = reading.root().file_networks("files");
    EXPECT_THAT(reading.report().errors(), IsEmpty());
    return networks.size();
  };
  EXPECT_EQ(read(recorded), 1U);
  auto handed_over = FileBundle::from_bytes(recorded.to_bytes());
  ASSERT_TRUE(handed_over.has_value());
  EXPECT_EQ(read(*handed_over), 1U);
}

TEST(RealFiles, KnowWhichFoldersAreMissing) {
  RealFiles files;
  EXPECT_TRUE(files.lacks_folder("/nonexistent/folder"));
  EXPECT_FALSE(files.lacks_folder("/tmp"));
  EXPECT_THAT(files.read("/nonexistent", kLimit).error().text, HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace smtpguard::conf
