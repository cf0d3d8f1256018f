#include "conf/base/log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "conf/base/descriptor.hpp"

namespace smtpguard {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLinePattern =
    "20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9][0-9][0-9]Z "
    "smtpguard\\[[0-9]+\\]: ";

class LogFile : public testing::Test {
 protected:
  LogFile() {
    std::string pattern = (fs::temp_directory_path() / "smtpguard-log-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~LogFile() override { fs::remove_all(folder_); }

  std::string path() const { return (folder_ / "smtpguard.log").string(); }
  std::string content() const {
    std::ifstream in(path());
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }

  fs::path folder_;
};

struct Memory final : LogSink {
  Memory(std::vector<std::string>& kept, bool works) : lines(kept), is_working(works) {}
  bool write(Severity /*severity*/, std::string_view line) override {
    lines.emplace_back(line);
    return is_working;
  }
  std::vector<std::string>& lines;
  bool is_working;
};

TEST(Log, HidesLinesBelowItsLeastSeverity) {
  std::vector<std::string> lines;
  Log log(Severity::Warning);
  log.add(std::make_unique<Memory>(lines, true));
  log.debug("d");
  log.info("i");
  log.warning("w");
  log.error("e");
  EXPECT_THAT(lines, testing::ElementsAre("w", "e"));
  EXPECT_TRUE(log.shows(Severity::Error));
  EXPECT_FALSE(log.shows(Severity::Info));
}

TEST(Log, CountsWhatASinkLostAndServesTheOthers) {
  std::vector<std::string> broken;
  std::vector<std::string> working;
  Log log;
  log.add(std::make_unique<Memory>(broken, false));
  log.add(std::make_unique<Memory>(working, true));
  log.info("a");
  log.info("b");
  EXPECT_THAT(working, testing::ElementsAre("a", "b"));
  EXPECT_EQ(log.dropped(), 2U);
}

TEST(Log, TellsASinkThatWorksAgainHowManyLinesAreMissing) {
  std::vector<std::string> lines;
  auto sink = std::make_unique<Memory>(lines, true);
  Memory& switched = *sink;
  Log log;
  log.add(std::move(sink));
  log.info("a");
  switched.is_working = false;
  log.info("b");
  log.info("c");
  lines.clear();
  switched.is_working = true;
  log.info("d");
  log.info("e");
  EXPECT_THAT(lines, testing::ElementsAre("2 log lines were lost here", "d", "e"));
  EXPECT_EQ(log.dropped(), 2U);
}

TEST_F(LogFile, OfATurnIsWrittenAtOnceAndInOrder) {
  Log log;
  log.add(std::move(make_file_sink(path(), true)).value());
  int asked = 0;
  log.gather([&asked] { ++asked; });
  log.info("one");
  log.info("two");
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(content(), "");
  log.flush();
  EXPECT_EQ(content(), "one\ntwo\n");
  log.info("three");
  EXPECT_EQ(asked, 2);
  log.gather(nullptr);
  log.info("four");
  EXPECT_EQ(content(), "one\ntwo\nthree\nfour\n");
  EXPECT_EQ(asked, 2);
}

TEST_F(LogFile, DoesNotLetAWarningWait) {
  Log log;
  log.add(std::move(make_file_sink(path(), true)).value());
  log.gather([] {});
  log.info("before");
  log.warning("now");
  EXPECT_EQ(content(), "before\nnow\n");
}

TEST_F(LogFile, DoesNotGatherWithoutEnd) {
  Log log;
  log.add(std::move(make_file_sink(path(), true)).value());
  log.gather([] {});
  const std::string line(1000, 'x');
  for (int count = 0; count < 100; ++count) {
    log.info(line);
  }
  EXPECT_GT(content().size(), 60'000U);
  EXPECT_LT(content().size(), 100'000U);
}

TEST_F(LogFile, GetsWhatWasGatheredBeforeItIsReplacedOrGone) {
  {
    Log log;
    log.add(std::move(make_file_sink(path(), true)).value());
    log.gather([] {});
    log.info("before");
    fs::rename(path(), path() + ".0");
    EXPECT_TRUE(log.replace(LogSink::Kind::File, open_log_file(path()).value()));
    log.info("after");
  }
  EXPECT_EQ(content(), "after\n");
  EXPECT_EQ(fs::file_size(path() + ".0"), std::string_view("before\n").size());
}

// A log file that is a named pipe: full, as a disk can be, for as long as nobody reads.
class LogPipe : public LogFile {
 protected:
  LogPipe() {
    EXPECT_EQ(::mkfifo(path().c_str(), 0600), 0);
    reader_ = Descriptor(::open(path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }

  std::string drained() const {
    std::string all;
    std::array<char, 4096> part{};
    ssize_t count = 0;
    while ((count = ::read(reader_.get(), part.data(), part.size())) > 0) {
      all.append(part.data(), static_cast<std::size_t>(count));
    }
    return all;
  }
  void open_log(bool raw) {
    auto sink = make_file_sink(path(), raw);
    ASSERT_TRUE(sink.has_value());
    log_.add(std::move(*sink));
  }

  // More than any pipe holds: a part of it is written, the rest is lost.
  const std::string endless_ = std::string(4'000'000, 'x');
  Descriptor reader_;
  Log log_;
};

TEST_F(LogPipe, SaysWhatToDoWhenNobodyReads) {
  reader_ = Descriptor();
  EXPECT_EQ(
      make_file_sink(path(), false).error().text,
      "log file " + path() + ": nobody reads this named pipe: start its reader before smtpguard");
}

TEST_F(LogPipe, StartsANewLineAfterAPartOfOne) {
  open_log(false);
  log_.info(endless_);
  log_.info("lost as well");
  EXPECT_THAT(drained(), testing::EndsWith("x"));
  log_.info("again");
  const std::string pattern(kLinePattern);
  EXPECT_THAT(drained(), testing::MatchesRegex("\n" + pattern + "2 log lines were lost here\n" +
                                               pattern + "again\n"));
  log_.info("and on");
  EXPECT_THAT(drained(), testing::MatchesRegex(pattern + "and on\n"));
  EXPECT_EQ(log_.dropped(), 2U);
}

TEST_F(LogPipe, CountsWhatWasLostOfWhatWasGathered) {
  open_log(true);
  log_.gather([] {});
  log_.info("one");
  log_.info(endless_);  // more than may be gathered
  EXPECT_THAT(drained(), testing::StartsWith("one\nx"));
  EXPECT_EQ(log_.dropped(), 1U);
  log_.info("{}");
  log_.flush();
  EXPECT_THAT(drained(), testing::MatchesRegex("\n\\{[^\n]+\"lines\":1\\}\n\\{\\}\n"));
}

TEST_F(LogPipe, OfRawLinesTellsWhatWasLostAsJson) {
  open_log(true);
  log_.info(endless_);
  drained();
  log_.info("{}");
  EXPECT_THAT(drained(), testing::MatchesRegex("\n\\{\"time\":\"20[^\"]+Z\",\"event\":\"lost\","
                                               "\"lines\":1\\}\n\\{\\}\n"));
}

TEST_F(LogFile, AppendsLinesWithTimeAndPid) {
  for (const char* line : {"one", "two"}) {
    auto sink = make_file_sink(path(), false);
    ASSERT_TRUE(sink.has_value()) << sink.error().text;
    EXPECT_TRUE((*sink)->write(Severity::Info, line));
  }
  const std::string pattern(kLinePattern);
  EXPECT_THAT(content(), testing::MatchesRegex(pattern + "one\n" + pattern + "two\n"));
}

TEST_F(LogFile, IsNotReadableForOthers) {
  ASSERT_TRUE(make_file_sink(path(), false).has_value());
  struct stat state {};
  ASSERT_EQ(::stat(path().c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 07137U, 0U);
}

TEST_F(LogFile, RawHoldsTheBareLine) {
  auto sink = make_file_sink(path(), true);
  ASSERT_TRUE(sink.has_value());
  (*sink)->write(Severity::Info, R"({"a":1})");
  EXPECT_EQ(content(), "{\"a\":1}\n");
}

TEST_F(LogFile, ThatCannotBeOpenedIsAnErrorWithItsReason) {
  const auto sink = make_file_sink((folder_ / "no" / "such.log").string(), false);
  ASSERT_FALSE(sink.has_value());
  EXPECT_THAT(sink.error().text, testing::HasSubstr("such.log: open: No such file or directory"));
}

TEST(FileSink, TellsOfALostLine) {
  if (::access("/dev/full", W_OK) != 0) {
    GTEST_SKIP() << "this system has no /dev/full";
  }
  auto sink = make_file_sink("/dev/full", false);
  ASSERT_TRUE(sink.has_value());
  EXPECT_FALSE((*sink)->write(Severity::Info, "lost"));
}

TEST(StderrSink, WritesOneLine) {
  testing::internal::CaptureStderr();
  EXPECT_TRUE(make_stderr_sink()->write(Severity::Error, "backend 192.0.2.9:25: refused"));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::MatchesRegex(std::string(kLinePattern) + "backend 192.0.2.9:25: refused\n"));
}

// As a journal that hangs: who writes to it must not hang as well.
TEST(StderrSink, OfAPipeThatNobodyReadsIsNotWaitedFor) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const Descriptor reader(pipe[0]);
  const Descriptor writer(pipe[1]);
  const Descriptor before(::dup(STDERR_FILENO));
  ::dup2(writer.get(), STDERR_FILENO);
  const auto sink = make_stderr_sink();
  int taken = 0;
  while (taken < 10'000 && sink->write(Severity::Info, std::string(1000, 'x'))) {
    ++taken;
  }
  ::dup2(before.get(), STDERR_FILENO);
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, 10'000);
}

TEST_F(LogFile, ThatWasMovedAwayIsOpenedAnew) {
  Log log;
  log.add(std::move(make_file_sink(path(), true)).value());
  log.info("before");
  fs::rename(path(), path() + ".0");
  log.info("meanwhile");
  const auto file = open_log_file(path());
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE(log.replace(LogSink::Kind::File, *file));
  EXPECT_FALSE(log.replace(LogSink::Kind::Syslog, *file));
  log.info("after");
  EXPECT_EQ(content(), "after\n");
  EXPECT_EQ(fs::file_size(path() + ".0"), std::string_view("before\nmeanwhile\n").size());
}

TEST(Log, TellsWhatWasLostWithoutWaitingForTheNextLine) {
  std::vector<std::string> lines;
  auto sink = std::make_unique<Memory>(lines, false);
  Memory& switched = *sink;
  Log log;
  log.add(std::move(sink));
  log.info("lost");
  switched.is_working = true;
  lines.clear();
  log.tend(SteadyClock::now());
  log.tend(SteadyClock::now());
  EXPECT_THAT(lines, testing::ElementsAre("1 log lines were lost here"));
}

}  // namespace
}  // namespace smtpguard
