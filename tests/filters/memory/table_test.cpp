#include "filters/memory/table.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace smtpguard::filters::memory {
namespace {

using namespace std::chrono_literals;

constexpr Moment kNow = moment_at(1'800'000'000);
const dns::KeyedHash kHash({1, 2});

Key host(std::uint32_t number) {
  return Key::address(
      IpAddress::v4({10, static_cast<std::uint8_t>(number >> 16U),
                     static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number)}));
}

// How many had to go for it.
std::size_t fill(Table& table, std::uint32_t count, Moment now) {
  std::size_t gone = 0;
  for (std::uint32_t number = 0; number < count; ++number) {
    std::optional<Key> forgotten;
    Record& record = table.at(host(number), now, forgotten);
    record.add({}, now);
    record.expires = now + 24h;
    gone += forgotten ? 1U : 0U;
  }
  return gone;
}

TEST(Table, FindsWhatWasPutAndNothingElse) {
  Table table(1000, kHash);
  fill(table, 500, kNow);
  EXPECT_EQ(table.size(), 500U);
  for (std::uint32_t number = 0; number < 500; ++number) {
    ASSERT_NE(table.find(host(number), kNow), nullptr) << number;
    EXPECT_EQ(table.find(host(number), kNow)->key, host(number));
  }
  EXPECT_EQ(table.find(host(500), kNow), nullptr);
}

TEST(Table, ForgetsWhatHasExpired) {
  Table table(1000, kHash);
  fill(table, 1, kNow);
  EXPECT_NE(table.find(host(0), kNow + 24h - 1s), nullptr);
  EXPECT_EQ(table.find(host(0), kNow + 24h), nullptr);
  std::optional<Key> forgotten;
  EXPECT_EQ(table.at(host(0), kNow + 24h, forgotten).first_seen, Moment{}) << "begins anew";
  EXPECT_FALSE(forgotten);
}

TEST(Table, EraseLeavesAllOthersToBeFound) {
  Table table(20000, kHash);
  fill(table, 10000, kNow);
  for (std::uint32_t number = 0; number < 10000; number += 3) {
    EXPECT_TRUE(table.erase(host(number)));
    EXPECT_FALSE(table.erase(host(number)));
  }
  for (std::uint32_t number = 0; number < 10000; ++number) {
    EXPECT_EQ(table.find(host(number), kNow) != nullptr, number % 3 != 0) << number;
  }
  const std::size_t memory = table.memory();
  fill(table, 10000, kNow);
  EXPECT_EQ(table.size(), 10000U);
  EXPECT_EQ(table.memory(), memory) << "places are used again";
}

TEST(Table, NeverHoldsMoreThanItMay) {
  Table table(6400, kHash);
  EXPECT_GT(fill(table, 50000, kNow), 40000U);
  EXPECT_LE(table.size(), 6400U);
}

TEST(Table, TellsWhoHadToGo) {
  Table table(1, kHash);  // one record a shard
  std::set<std::string> inside;
  for (std::uint32_t number = 0; number < 300; ++number) {
    std::optional<Key> forgotten;
    table.at(host(number), kNow, forgotten).expires = kNow + 1h;
    if (forgotten) {
      EXPECT_EQ(inside.erase(std::string(forgotten->text())), 1U);
    }
    inside.insert(std::string(host(number).text()));
  }
  EXPECT_EQ(table.size(), inside.size());
}

TEST(Table, KeepsTheGoodWhenAStormOfStrangersComes) {
  Table table(6400, kHash);
  for (std::uint32_t number = 0; number < 1000; ++number) {
    std::optional<Key> forgotten;
    Record& record =
        table.at(Key::organisation(fmt::format("good{}.example", number)).value(), kNow, forgotten);
    record.add({.accepted = 3}, kNow);
    record.holds_until.fill(kNow + 720h);
    record.expires = kNow + 720h;
  }
  fill(table, 60'000, kNow + 1h);
  std::size_t kept = 0;
  for (std::uint32_t number = 0; number < 1000; ++number) {
    kept += table.find(Key::organisation(fmt::format("good{}.example", number)).value(),
                       kNow + 1h) != nullptr
                ? 1U
                : 0U;
  }
  EXPECT_GE(kept, 995U);
}

TEST(Table, OfTwoRecordsKeepsTheOneThatWasSeenLater) {
  Table table(100, kHash);
  std::optional<Key> forgotten;
  Record record;
  record.key = host(1);
  record.last_seen = kNow;
  record.expires = kNow + 1h;
  EXPECT_TRUE(table.put(record, kNow, forgotten));
  record.last_seen = kNow - 1s;
  record.expires = kNow + 2h;
  EXPECT_FALSE(table.put(record, kNow, forgotten));
  EXPECT_EQ(table.find(host(1), kNow)->expires, kNow + 1h);
  record.last_seen = kNow + 1s;
  EXPECT_TRUE(table.put(record, kNow, forgotten));
  EXPECT_EQ(table.find(host(1), kNow)->expires, kNow + 2h);
}

TEST(Table, IsWalkedInSlicesAndWhole) {
  Table table(10000, kHash);
  fill(table, 5000, kNow);
  std::set<std::string> seen;
  Table::Place place;
  std::size_t slices = 0;
  bool goes_on = true;
  while (goes_on) {
    goes_on = table.walk(place, 100, [&](const Record& record) {
      EXPECT_TRUE(seen.insert(std::string(record.key.text())).second);
    });
    ++slices;
  }
  EXPECT_EQ(seen.size(), 5000U);
  EXPECT_GE(slices, 50U);
}

TEST(Table, TakesAtMost120OctetsARecord) {
  Table table(2'000'000, kHash);
  for (const std::uint32_t count : {50'000U, 100'000U, 200'000U}) {
    fill(table, count, kNow);
    EXPECT_LE(table.memory() / table.size(), 120U) << count;
  }
}

TEST(Record, FadesToAHalfInAWeek) {
  Record record;
  record.add({.accepted = 8, .unknown = 4}, kNow);
  const Counts counts = record.counts_at(kNow + kHalfLife);
  EXPECT_FLOAT_EQ(counts.accepted, 4);
  EXPECT_FLOAT_EQ(counts.unknown, 2);
  EXPECT_FLOAT_EQ(record.counts_at(kNow - 1h).accepted, 8) << "a clock that was set back";
}

TEST(Record, IsGoodWhileAllThatItHasShownHolds) {
  Record record;
  EXPECT_FALSE(record.is_known_good(kNow));
  record.holds_until.fill(kNow + 1h);
  EXPECT_TRUE(record.is_known_good(kNow));
  record.set(Trait::WaitsForReplies, kNow);
  EXPECT_FALSE(record.is_known_good(kNow));
}

TEST(Moment, StaysWithinItsBounds) {
  EXPECT_EQ(moment_at(-5), Moment{});
  EXPECT_EQ(seconds_of(moment_at(1LL << 40U)), 0xFFFFFFFFLL);
  EXPECT_EQ(between(kNow + 5s, kNow), 0s);
  EXPECT_EQ(between(kNow, kNow + 5s), 5s);
}

}  // namespace
}  // namespace smtpguard::filters::memory
