// What the memory of clients costs: look-ups and updates a second, octets a record, a start with
// millions of rows, and for how long the thread of the event loop is kept from other work while
// thousands of updates a second are written, with the store and without.
// usage: memory_bench [ROWS [SECONDS]]   (5000000 and 10; the file goes into $TMPDIR)
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "filters/memory/memory.hpp"

namespace {

using namespace smtpguard;
using namespace smtpguard::filters::memory;
namespace fs = std::filesystem;

constexpr int kUpdatesPerSecond = 5000;
constexpr auto kTick = std::chrono::milliseconds(250);

IpAddress host(std::uint64_t number) {
  // Spread over the address space, each once.
  const auto mixed = static_cast<std::uint32_t>(number * 2654435761ULL);
  return IpAddress::v4({static_cast<std::uint8_t>(mixed >> 24U),
                        static_cast<std::uint8_t>(mixed >> 16U),
                        static_cast<std::uint8_t>(mixed >> 8U), static_cast<std::uint8_t>(mixed)});
}

Conduct good() {
  Conduct conduct;
  conduct.counts.accepted = 1;
  conduct.has_earned_pass = true;
  conduct.has_waited_for_greeting = true;
  conduct.has_waited_for_replies = true;
  return conduct;
}

Settings settings_for(std::uint64_t rows) {
  Settings settings;
  // Shards fill unevenly.
  settings.entries = static_cast<std::uint32_t>(rows + rows / 20 + 100'000);
  return settings;
}

double seconds_since(TimePoint began) {
  return std::chrono::duration<double>(SteadyClock::now() - began).count();
}

void measure_table(std::uint64_t rows) {
  Memory memory(settings_for(rows), dns::KeyedHash::random());
  const Moment now = wall_now();
  TimePoint began = SteadyClock::now();
  for (std::uint64_t number = 0; number < rows; ++number) {
    memory.learn({host(number), ""}, good(), now);
  }
  fmt::print("{} new records: {:.0f} a second\n", rows,
             static_cast<double>(rows) / seconds_since(began));
  fmt::print("octets a record: {:.1f}\n", static_cast<double>(memory.extent().octets) /
                                              static_cast<double>(memory.extent().records));
  constexpr std::uint64_t kLooks = 2'000'000;
  began = SteadyClock::now();
  std::uint64_t known = 0;
  for (std::uint64_t number = 0; number < kLooks; ++number) {
    known += memory.recall({host(number * 7919 % (2 * rows)), ""}, now).is_known_good ? 1U : 0U;
  }
  fmt::print("look-ups among them, half of them known ({}): {:.0f} a second\n", known,
             static_cast<double>(kLooks) / seconds_since(began));
  began = SteadyClock::now();
  for (std::uint64_t number = 0; number < kLooks; ++number) {
    memory.learn({host(number * 7919 % rows), ""}, good(), now);
  }
  fmt::print("updates among them: {:.0f} a second\n",
             static_cast<double>(kLooks) / seconds_since(began));
}

void fill_file(const std::string& file, std::uint64_t rows) {
  Database database;
  if (database.open(file)) {
    fmt::print(stderr, "{}: cannot be opened\n", file);
    std::exit(1);
  }
  const Moment now = wall_now();
  const TimePoint began = SteadyClock::now();
  std::vector<Change> batch;
  for (std::uint64_t number = 0; number < rows; ++number) {
    Change change;
    change.record.key = Key::address(host(number));
    change.record.first_seen = change.record.last_seen = now;
    change.record.expires = now + std::chrono::hours(720);
    change.record.holds_until.fill(change.record.expires);
    batch.push_back(change);
    if (batch.size() == 50'000 || number + 1 == rows) {
      database.write(batch);
      batch.clear();
    }
  }
  fmt::print("rows written in batches of 50,000: {:.0f} a second, {:.0f} MB\n",
             static_cast<double>(rows) / seconds_since(began),
             static_cast<double>(fs::file_size(file)) / 1e6);
}

// Until the loop has taken over what the thread has read; the loop does nothing else.
void measure_start(const std::string& file, std::uint64_t rows) {
  Memory memory(settings_for(rows), dns::KeyedHash::random());
  memory.keep_in(file);
  const TimePoint began = SteadyClock::now();
  memory.start();
  double longest = 0;
  while (memory.extent().records == 0 && seconds_since(began) < 300) {
    const TimePoint tick = SteadyClock::now();
    memory.tick(wall_now());
    longest = std::max(longest, seconds_since(tick));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  fmt::print("start with {} rows: all remembered after {:.1f} s; the longest tick {:.2f} ms\n",
             memory.extent().records, seconds_since(began), longest * 1e3);
}

// A loop that looks at the clock every 200 microseconds, as if sessions were there: how late it is.
void measure_stall(const std::string& file, int seconds) {
  Memory memory(settings_for(1'000'000), dns::KeyedHash::random());
  if (!file.empty()) {
    memory.keep_in(file);
    memory.start();
  }
  std::vector<double> late;
  const TimePoint began = SteadyClock::now();
  TimePoint next = began;
  TimePoint next_tick = began;
  std::uint64_t number = 0;
  while (seconds_since(began) < seconds) {
    std::this_thread::sleep_until(next);
    late.push_back(std::chrono::duration<double>(SteadyClock::now() - next).count() * 1e3);
    memory.learn({host(number++), ""}, good(), wall_now());
    if (SteadyClock::now() >= next_tick) {
      memory.tick(wall_now());
      next_tick += kTick;
    }
    next += std::chrono::microseconds(std::chrono::seconds(1)) / kUpdatesPerSecond;
  }
  std::sort(late.begin(), late.end());
  const auto at = [&](double part) {
    return late[static_cast<std::size_t>(static_cast<double>(late.size() - 1) * part)];
  };
  fmt::print(
      "{} updates a second, {}: late by p50 {:.3f}, p99 {:.3f}, p99.9 {:.3f}, most {:.3f} ms\n",
      kUpdatesPerSecond, file.empty() ? "without store" : "with store   ", at(0.5), at(0.99),
      at(0.999), late.back());
}

}  // namespace

int main(int argc, char* argv[]) {
  const std::uint64_t rows = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 5'000'000;
  const int seconds = argc > 2 ? std::atoi(argv[2]) : 10;
  std::string folder = (fs::temp_directory_path() / "smtpguard-bench.XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr || rows == 0) {
    return 1;
  }
  measure_table(rows);
  fill_file(folder + "/memory.sqlite", rows);
  measure_start(folder + "/memory.sqlite", rows);
  for (int round = 0; round < 3; ++round) {
    measure_stall("", seconds);
    measure_stall(folder + "/stall" + std::to_string(round) + ".sqlite", seconds);
  }
  fs::remove_all(folder);
  return 0;
}
