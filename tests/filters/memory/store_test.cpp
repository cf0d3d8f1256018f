#include "filters/memory/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "filters/memory/memory.hpp"

namespace smtpguard::filters::memory {
namespace {

namespace fs = std::filesystem;

const dns::KeyedHash kHash({1, 2});
constexpr Milliseconds kRetry = 20ms;

IpAddress host(std::uint32_t number) {
  return IpAddress::v4({10, static_cast<std::uint8_t>(number >> 16U),
                        static_cast<std::uint8_t>(number >> 8U),
                        static_cast<std::uint8_t>(number)});
}

Conduct good() {
  Conduct conduct;
  conduct.counts.accepted = 1;
  conduct.has_earned_pass = true;
  conduct.has_waited_for_greeting = true;
  conduct.has_waited_for_replies = true;
  return conduct;
}

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "smtpguard-store.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    file_ = folder_ / "memory.sqlite";
  }
  void TearDown() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  // A memory with its store, looked after until `is_done`, for ten seconds at most.
  struct Kept {
    explicit Kept(const fs::path& file) : memory(Settings{}, kHash) {
      memory.keep_in(file.string(), kRetry);
      memory.start();
    }
    bool tick_until(const std::function<bool()>& is_done) {
      const auto end = SteadyClock::now() + 10s;
      while (SteadyClock::now() < end) {
        for (const Store::Line& line : memory.tick(wall_now())) {
          lines += (line.is_trouble ? "! " : "") + line.text + '\n';
        }
        if (is_done()) {
          return true;
        }
        std::this_thread::sleep_for(2ms);
      }
      return false;
    }
    bool says(std::string_view text) const { return lines.find(text) != std::string::npos; }
    bool is_known(const IpAddress& client) const {
      return memory.recall({client, ""}, wall_now()).is_known_good;
    }

    Memory memory;
    std::string lines;
  };

  std::size_t rows() const {
    Database database;
    EXPECT_FALSE(database.open(file_.string()));
    std::size_t count = 0;
    EXPECT_FALSE(database.read(Moment{}, [&](const Record&) { return ++count > 0; }));
    return count;
  }

  fs::path folder_;
  fs::path file_;
};

TEST_F(StoreTest, WhatWasLearnedIsThereAfterARestart) {
  {
    Kept kept(file_);
    kept.memory.learn({host(1), "sender.net"}, good(), wall_now());
    kept.memory.stop();
  }
  Kept kept(file_);
  EXPECT_TRUE(kept.tick_until([&] { return kept.is_known(host(1)); }));
  EXPECT_TRUE(kept.memory.recall({host(9), "sender.net"}, wall_now()).is_known_good);
  EXPECT_TRUE(kept.says("2 clients remembered"));
}

TEST_F(StoreTest, WhatIsLearnedWhileTheFileIsReadIsKept) {
  {
    Kept kept(file_);
    kept.memory.learn({host(1), ""}, good(), wall_now());
    kept.memory.stop();
  }
  Kept kept(file_);
  kept.memory.learn({host(2), ""}, good(), wall_now());
  EXPECT_TRUE(kept.tick_until([&] { return kept.is_known(host(1)); }));
  EXPECT_TRUE(kept.is_known(host(2)));
}

TEST_F(StoreTest, BlocksOutliveARestart) {
  const Cidr network = Cidr::parse("198.51.100.0/24").value();
  const IpAddress client = IpAddress::parse("198.51.100.9").value();
  {
    Kept kept(file_);
    Block wanted;
    wanted.network = network;
    wanted.author = "uid 0";
    wanted.reason = "a 'quoted' reason";
    kept.memory.block(wanted, 1h, wall_now());
    kept.memory.stop();
  }
  {
    Kept kept(file_);
    const auto block = [&] { return kept.memory.block_of(client, wall_now()); };
    ASSERT_TRUE(kept.tick_until([&] { return block().has_value(); }));
    EXPECT_EQ(block()->reason, "a 'quoted' reason");
    EXPECT_EQ(block()->author, "uid 0");
    kept.memory.lift(network, wall_now());
    kept.memory.stop();
  }
  Kept kept(file_);
  EXPECT_TRUE(kept.tick_until([&] { return kept.says("clients remembered"); }));
  EXPECT_FALSE(kept.memory.block_of(client, wall_now()));
}

TEST_F(StoreTest, ARecordComesBackAsItWas) {
  Record record;
  record.key = Key::network(host(7));
  record.first_seen = moment_at(1'800'000'000);
  record.last_seen = moment_at(1'800'000'100);
  record.expires = moment_at(1'900'000'000);
  record.holds_until = {moment_at(11), moment_at(12), moment_at(13)};
  record.counts = {1.5F, 2, 3, 4, 0.25F};
  record.failed_hosts = 0x8000000000000001ULL;
  Database database;
  ASSERT_FALSE(database.open(file_.string()));
  ASSERT_FALSE(database.write({{record, false}}));
  std::vector<Record> read;
  ASSERT_FALSE(database.read(Moment{}, [&](const Record& one) {
    read.push_back(one);
    return true;
  }));
  EXPECT_EQ(read, std::vector<Record>{record});
  ASSERT_FALSE(database.write({{record, true}}));
  EXPECT_EQ(rows(), 0U);
}

TEST_F(StoreTest, OfTwoWritersTheOneThatSawItLaterWins) {
  Record early;
  early.key = Key::address(host(1));
  early.last_seen = moment_at(100);
  Record late = early;
  late.last_seen = moment_at(200);
  Database one;
  Database other;
  ASSERT_FALSE(one.open(file_.string()));
  ASSERT_FALSE(other.open(file_.string()));
  const std::int64_t before = one.foreign_changes();
  ASSERT_FALSE(other.write({{late, false}}));
  EXPECT_NE(one.foreign_changes(), before);
  ASSERT_FALSE(one.write({{early, false}}));
  std::vector<Record> read;
  ASSERT_FALSE(one.read(Moment{}, [&](const Record& record) {
    read.push_back(record);
    return true;
  }));
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].last_seen, moment_at(200));
}

TEST_F(StoreTest, TwoWorkersLearnFromEachOther) {
  Kept old_one(file_);
  ASSERT_TRUE(old_one.tick_until([&] { return old_one.says("remembered"); }));
  Kept new_one(file_);
  ASSERT_TRUE(new_one.tick_until([&] { return new_one.says("remembered"); }));
  old_one.memory.learn({host(3), ""}, good(), wall_now());
  old_one.memory.tick(wall_now());
  EXPECT_TRUE(new_one.tick_until([&] { return new_one.is_known(host(3)); }));
}

TEST_F(StoreTest, ADamagedFileIsPutAsideAndBegunAnew) {
  std::ofstream(file_) << std::string(100'000, 'x');
  Kept kept(file_);
  kept.memory.learn({host(1), ""}, good(), wall_now());
  ASSERT_TRUE(kept.tick_until([&] { return kept.says("is damaged"); }));
  ASSERT_TRUE(kept.tick_until([&] { return kept.memory.store()->is_working(); }));
  kept.memory.stop();
  EXPECT_TRUE(fs::exists(folder_ / "memory.sqlite.damaged"));
  EXPECT_EQ(rows(), 1U);
}

// Somebody writes into the middle of the file of a worker that runs.
TEST_F(StoreTest, AFileThatIsDamagedMeanwhileIsWrittenAnew) {
  {
    Kept kept(file_);
    for (std::uint32_t number = 0; number < 5000; ++number) {
      kept.memory.learn({host(number), ""}, good(), wall_now());
    }
    kept.memory.stop();
  }
  {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 1; page < 60; ++page) {
      file.seekp(page * 4096);
      file << std::string(3000, '\xff');
    }
  }
  Kept kept(file_);
  ASSERT_TRUE(kept.tick_until([&] { return kept.says("is damaged"); })) << kept.lines;
  for (std::uint32_t number = 10'000; number < 11'000; ++number) {
    kept.memory.learn({host(number), ""}, good(), wall_now());
  }
  ASSERT_TRUE(kept.tick_until([&] { return kept.memory.store()->is_working(); }));
  // What was handed over in between is asked of the memory again, in one of the next ticks.
  int ticks = 0;
  ASSERT_TRUE(kept.tick_until([&] { return ++ticks == 50; }));
  kept.memory.stop();
  EXPECT_GE(rows(), 1000U);
}

TEST_F(StoreTest, AFileOfALaterVersionIsLeftAlone) {
  {
    Kept kept(file_);
    kept.memory.learn({host(1), ""}, good(), wall_now());
    kept.memory.stop();
  }
  {
    // The version stands at octet 60 (sqlite.org/fileformat2.html).
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);
    file.write("\0\0\x03\xe7", 4);
  }
  const auto size = fs::file_size(file_);
  Kept kept(file_);
  kept.memory.learn({host(2), ""}, good(), wall_now());
  ASSERT_TRUE(kept.tick_until([&] { return kept.says("schema 999"); }));
  EXPECT_TRUE(kept.is_known(host(2)));
  kept.memory.stop();
  EXPECT_EQ(fs::file_size(file_), size);
}

TEST_F(StoreTest, WithoutAFolderItGoesOnInMemoryAndRecovers) {
  const fs::path missing = folder_ / "missing";
  Kept kept(missing / "memory.sqlite");
  kept.memory.learn({host(1), ""}, good(), wall_now());
  ASSERT_TRUE(kept.tick_until([&] { return kept.says("kept in memory alone"); }));
  EXPECT_TRUE(kept.is_known(host(1)));
  fs::create_directory(missing);
  ASSERT_TRUE(kept.tick_until([&] { return kept.says("works again"); })) << kept.lines;
  ASSERT_TRUE(kept.tick_until([&] { return kept.memory.store()->waiting() == 0; }));
  kept.memory.tick(wall_now());
  kept.memory.stop();
  file_ = missing / "memory.sqlite";
  EXPECT_EQ(rows(), 1U);
  EXPECT_EQ(kept.lines.find("alone"), kept.lines.rfind("alone")) << "told once:\n" << kept.lines;
}

TEST_F(StoreTest, WhatHasExpiredGoesFromTheFileAsWell) {
  Kept kept(file_);
  ASSERT_TRUE(kept.tick_until([&] { return kept.says("remembered"); }));
  kept.memory.learn({host(1), ""}, good(), moment_at(1'000'000));
  EXPECT_TRUE(kept.tick_until([&] { return kept.memory.extent().records == 0; }));
  kept.memory.tick(wall_now());
  kept.memory.stop();
  EXPECT_EQ(rows(), 0U);
}

TEST_F(StoreTest, RowsThatSomebodyWroteByHandAreReadOrLeftOut) {
  Database database;
  ASSERT_FALSE(database.open(file_.string()));
  database.close();
  const std::string script = fmt::format(
      "sqlite3 {} \"insert into clients values ('address', 'not an address', 1, 1, 4000000000, 0, "
      "0, "
      "0, 0, 0, 0, 0, 0, 0), ('address', '192.0.2.1', -5, 99999999999999, 4000000000, 'x', 0, 0, "
      "-1, 1e300, 'nan', 0, 0, 0)\" 2>/dev/null",
      file_.string());
  if (std::system(script.c_str()) != 0) {
    GTEST_SKIP() << "no sqlite3 command here";
  }
  EXPECT_EQ(rows(), 1U);
}

}  // namespace
}  // namespace smtpguard::filters::memory
