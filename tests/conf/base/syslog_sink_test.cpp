// A syslogd of a few lines at the other end; it takes nothing until it is asked to.
#include "conf/base/syslog_sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <vector>

namespace smtpguard {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Syslogd {
 public:
  explicit Syslogd(std::string path) : path_(std::move(path)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    socket_ = Descriptor(::socket(AF_UNIX, SOCK_DGRAM, 0));
    ::unlink(path_.c_str());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
  }
  ~Syslogd() { ::unlink(path_.c_str()); }
  Syslogd(const Syslogd&) = delete;
  Syslogd& operator=(const Syslogd&) = delete;

  std::vector<std::string> taken() const {
    std::vector<std::string> lines;
    std::array<char, 16384> part{};
    ssize_t count = 0;
    while ((count = ::recv(socket_.get(), part.data(), part.size(), MSG_DONTWAIT)) >= 0) {
      lines.emplace_back(part.data(), static_cast<std::size_t>(count));
    }
    return lines;
  }

 private:
  std::string path_;
  Descriptor socket_;
};

class SyslogSinkTest : public testing::Test {
 protected:
  SyslogSinkTest() {
#ifdef __OpenBSD__
    GTEST_SKIP() << "sendsyslog(2) goes to the system's own syslogd";
#endif
    std::string pattern = (fs::temp_directory_path() / "smtpguard-syslog-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~SyslogSinkTest() override {
    fs::remove_all(folder_);
  }

  std::string path() const {
    return (folder_ / "log").string();
  }

  fs::path folder_;
};

// MatchesRegex of gtest knows no groups.
const std::string kHead =
    ">[A-Z][a-z][a-z] [ 1-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9] smtpguard\\[[0-9]+\\]: ";

auto line(const std::string& priority, const std::string& text) {
  return testing::MatchesRegex("<" + priority + kHead + text);
}

TEST_F(SyslogSinkTest, SaysWhatLibcWouldSay) {
  const Syslogd syslogd(path());
  SyslogSink sink(path());
  EXPECT_TRUE(sink.write(Severity::Info, "50% of %s"));
  EXPECT_TRUE(sink.write(Severity::Error, "bad"));
  // Facility mail is 2: 16 + 6 and 16 + 3.
  EXPECT_THAT(syslogd.taken(), testing::ElementsAre(line("22", "50% of %s"), line("19", "bad")));
}

TEST_F(SyslogSinkTest, KeepsLinesUntilASyslogdIsThere) {
  SyslogSink sink(path());
  EXPECT_TRUE(sink.write(Severity::Info, "early"));
  const Syslogd syslogd(path());
  sink.tend(SteadyClock::now() + 2s);
  EXPECT_THAT(syslogd.taken(), testing::ElementsAre(line("22", "early")));
}

TEST_F(SyslogSinkTest, FindsASyslogdThatWasStartedAnewAndKeepsTheOrder) {
  auto first = std::make_unique<Syslogd>(path());
  SyslogSink sink(path());
  sink.write(Severity::Info, "one");
  EXPECT_EQ(first->taken().size(), 1U);
  first.reset();
  EXPECT_TRUE(sink.write(Severity::Info, "two"));
  EXPECT_TRUE(sink.write(Severity::Info, "three"));
  const Syslogd second(path());
  sink.tend(SteadyClock::now() + 2s);
  sink.write(Severity::Info, "four");
  EXPECT_THAT(second.taken(),
              testing::ElementsAre(line("22", "two"), line("22", "three"), line("22", "four")));
}

TEST_F(SyslogSinkTest, TakesASocketFromOutside) {
  SyslogSink sink((folder_ / "not" / "here").string());
  sink.write(Severity::Info, "kept");
  const Syslogd syslogd(path());
  auto socket = connect_to_syslog(path());
  ASSERT_TRUE(socket.has_value()) << socket.error().text;
  sink.replace(std::move(socket).value());
  EXPECT_THAT(syslogd.taken(), testing::ElementsAre(line("22", "kept")));
}

TEST_F(SyslogSinkTest, NeitherBlocksNorGrowsWhenSyslogdHangs) {
  const Syslogd hangs(path());
  auto owned = std::make_unique<SyslogSink>(path());
  const SyslogSink& sink = *owned;
  Log log;
  log.add(std::move(owned));
  constexpr std::size_t kLines = 3 * kSyslogQueue;
  for (std::size_t i = 0; i < kLines; ++i) {
    log.info("line " + std::to_string(i));
  }
  EXPECT_EQ(sink.queued(), kSyslogQueue);
  const std::uint64_t lost = log.dropped();
  std::vector<std::string> all;
  // Each round takes what the kernel holds.
  for (std::vector<std::string> some = hangs.taken(); !some.empty(); some = hangs.taken()) {
    all.insert(all.end(), some.begin(), some.end());
    log.tend(SteadyClock::now());
  }
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(all.size(), kLines - lost + 1);
  EXPECT_THAT(all.back(), line("20", std::to_string(lost) + " log lines were lost here"));
  EXPECT_THAT(all[all.size() - 2], testing::EndsWith("line " + std::to_string(kLines - lost - 1)));
}

TEST_F(SyslogSinkTest, BoundsTheQueueInOctetsToo) {
  SyslogSink sink(path());
  std::size_t kept = 0;
  while (sink.write(Severity::Info, std::string(kSyslogLineLimit, 'x'))) {
    ++kept;
  }
  EXPECT_EQ(kept, kSyslogQueueOctets / (kSyslogLineLimit + 50));
}

TEST(SyslogDatagram, IsCutAtACharacter) {
  std::string text(kSyslogLineLimit - 1, 'x');
  text += "\xC3\xA4 and more";
  EXPECT_THAT(syslog_datagram(Severity::Info, text, 0), testing::EndsWith("xx...(+11)"));
}

TEST(SyslogSocket, ThatIsMissingIsAnErrorWithItsReason) {
  EXPECT_EQ(connect_to_syslog("/no/such/log").error().text,
            "syslog /no/such/log: No such file or directory");
}

}  // namespace
}  // namespace smtpguard
