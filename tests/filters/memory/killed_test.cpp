// A worker that is killed while its memory is written: what is in the file then.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>

#include "filters/memory/memory.hpp"

namespace smtpguard::filters::memory {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kPerSecond = 5000;
constexpr std::uint32_t kMost = 4 * kPerSecond;  // in one life; then the child gives up
constexpr Milliseconds kTick = 250ms;            // as the service does it
constexpr Milliseconds kStep = 10ms;
constexpr std::uint32_t kInStep = 50;
const dns::KeyedHash kHash({1, 2});

// What the child tells before it does it; the parent reads it when the child is dead.
struct Told {
  std::atomic<std::uint32_t> learned{0};
  std::atomic<std::uint32_t> batches{0};
  std::array<std::uint32_t, 256> ends{};         // of the batches that were handed over
  std::array<std::int64_t, kMost> learned_at{};  // nanoseconds of the steady clock
};

class Shared {
 public:
  Shared()
      : told_(new (::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                          -1, 0)) Told()) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(told_, sizeof(Told)); }
  Told& operator*() const { return *told_; }
  Told* operator->() const { return told_; }

 private:
  Told* told_;
};

std::int64_t nanoseconds_now() {
  return std::chrono::nanoseconds(SteadyClock::now().time_since_epoch()).count();
}

IpAddress host(std::uint32_t life, std::uint32_t number) {
  return IpAddress::v4(
      {static_cast<std::uint8_t>(10 + life), static_cast<std::uint8_t>(number >> 16U),
       static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number)});
}

std::string organisation(std::uint32_t life) {
  return fmt::format("sender{}.net", life);
}

// Each update is two rows, one of them always the same: a half batch would tell two numbers.
void learn(Memory& memory, std::uint32_t life, std::uint32_t number) {
  Conduct conduct;
  conduct.counts.accepted = 1;
  conduct.has_earned_pass = true;
  conduct.has_waited_for_greeting = true;
  conduct.has_waited_for_replies = true;
  memory.learn({host(life, number), organisation(life)}, conduct, wall_now());
}

[[noreturn]] void live(const std::string& file, std::uint32_t life, Told& told) {
  Memory memory(Settings{}, kHash);
  memory.keep_in(file);
  memory.start();
  auto next_step = SteadyClock::now();
  auto next_tick = next_step;
  for (std::uint32_t number = 0; number + kInStep <= kMost;) {
    for (std::uint32_t i = 0; i < kInStep; ++i, ++number) {
      told.learned_at[number] = nanoseconds_now();
      told.learned = number + 1;
      learn(memory, life, number);
    }
    if (SteadyClock::now() >= next_tick && told.batches < told.ends.size()) {
      told.ends[told.batches] = number;
      ++told.batches;
      memory.tick(wall_now());
      next_tick += kTick;
    }
    // Who was kept from its work does not make up for more than a few steps.
    next_step = std::max(next_step + kStep, SteadyClock::now() - 5 * kStep);
    std::this_thread::sleep_until(next_step);
  }
  std::_Exit(0);
}

std::string integrity_of(const std::string& file) {
  sqlite3* opened = nullptr;
  ::sqlite3_open(file.c_str(), &opened);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> connection(opened, ::sqlite3_close);
  std::string said;
  const auto collect = [](void* to, int, char** values, char**) {
    *static_cast<std::string*>(to) += values[0];
    return 0;
  };
  ::sqlite3_exec(connection.get(), "PRAGMA integrity_check", collect, &said, nullptr);
  return said;
}

using Rows = std::unordered_map<std::string, Record>;

Rows rows_of(const std::string& file) {
  Rows rows;
  Database database;
  EXPECT_FALSE(database.open(file));
  EXPECT_FALSE(database.read(Moment{}, [&](const Record& record) {
    rows.emplace(record.key.text(), record);
    return true;
  }));
  return rows;
}

// As many as stand there without a gap, each as it was learned.
std::uint32_t whole_rows(const Rows& rows, std::uint32_t life) {
  const Settings settings;
  std::uint32_t number = 0;
  for (; number < kMost; ++number) {
    const Key key = Key::address(host(life, number));
    const auto row = rows.find(std::string(key.text()));
    if (row == rows.end()) {
      break;
    }
    Record expected;
    expected.key = key;
    expected.first_seen = expected.last_seen = row->second.last_seen;
    expected.expires = expected.last_seen + settings.keep;
    expected.holds_until.fill(expected.last_seen + settings.pass);
    expected.counts.accepted = 1;
    EXPECT_EQ(row->second, expected) << key.text();
  }
  return number;
}

// A new worker, until it has read the file.
bool remembers(const std::string& file, const IpAddress& client) {
  Memory memory(Settings{}, kHash);
  memory.keep_in(file);
  memory.start();
  const auto end = SteadyClock::now() + 10s;
  bool is_known = false;
  while (!is_known && SteadyClock::now() < end) {
    memory.tick(wall_now());
    is_known = memory.recall({client, ""}, wall_now()).is_known_good;
    std::this_thread::sleep_for(2ms);
  }
  return is_known;
}

class KilledTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "smtpguard-killed.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
};

// Three lives on one file, each ended by SIGKILL at a moment that nobody has chosen.
TEST_F(KilledTest, AtMostASecondIsMissingAndNothingIsHalfWritten) {
  const std::string file = (folder_ / "memory.sqlite").string();
  std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> moment(1100, 1700);
  std::size_t before = 0;
  for (std::uint32_t life = 0; life < 3; ++life) {
    const Shared told;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      live(file, life, *told);
    }
    while (told->learned == 0) {
      std::this_thread::sleep_for(1ms);
    }
    std::this_thread::sleep_for(Milliseconds(moment(random)));
    ::kill(child, SIGKILL);
    const std::int64_t killed_at = nanoseconds_now();
    ::waitpid(child, nullptr, 0);

    EXPECT_EQ(integrity_of(file), "ok");
    const Rows rows = rows_of(file);
    const std::uint32_t written = whole_rows(rows, life);
    const std::uint32_t learned = told->learned;
    ASSERT_GT(written, 0U);
    EXPECT_EQ(rows.size(), before + written + 1) << "rows after a gap, or of an earlier life lost";
    before = rows.size();
    const auto ends = told->ends.begin();
    EXPECT_NE(std::find(ends, ends + told->batches, written), ends + told->batches)
        << written << " is inside a batch";
    // It fades by a few millionths in a second.
    EXPECT_NEAR(rows.at(organisation(life)).counts.accepted, written, 0.5);
    const std::uint32_t missing = learned - written;
    EXPECT_LE(missing, kPerSecond);
    EXPECT_TRUE(remembers(file, host(life, written - 1)));

    const double lived = static_cast<double>(killed_at - told->learned_at[0]) / 1e9;
    const double lost =
        missing == 0 ? 0 : static_cast<double>(killed_at - told->learned_at[written]) / 1e9;
    fmt::print("killed after {:.2f} s and {} updates, {:.0f} a second: {} missing, of {:.2f} s\n",
               lived, learned, learned / lived, missing, lost);
  }
}

}  // namespace
}  // namespace smtpguard::filters::memory
