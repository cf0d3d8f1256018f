// One memory, several event loops.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "filters/memory/memory.hpp"
#include "tests/support/threads.hpp"

namespace smtpguard::filters::memory {
namespace {

using test::in_threads;
using test::kThreads;

constexpr Moment kNow = moment_at(1'800'000'000);
constexpr int kRounds = 300;

IpAddress host(std::size_t number) {
  const std::string text = "192.0.2." + std::to_string(number);
  return IpAddress::parse(text).value();
}

Conduct delivery() {
  Conduct conduct;
  conduct.counts.accepted = 1;
  conduct.has_earned_pass = true;
  conduct.has_waited_for_greeting = true;
  conduct.has_waited_for_replies = true;
  return conduct;
}

float accepted_of(const Memory& memory, const Key& key) {
  const auto records = memory.about(key, kNow);
  return records.empty() ? 0 : records.front().counts.accepted;
}

class MemoryOfThreads : public testing::Test {
 protected:
  Memory memory_{Settings{}, dns::KeyedHash({1, 2})};
};

TEST_F(MemoryOfThreads, LosesNothingThatTheyLearn) {
  in_threads([&](std::size_t number) {
    for (int round = 0; round < kRounds; ++round) {
      memory_.learn({host(number), "sender.net"}, delivery(), kNow);
      memory_.recall({host(number), "sender.net"}, kNow);
      memory_.learn_sender({"sender.net", {"192.0.2.0/24"}, true}, kNow);
      memory_.recall_sender({"sender.net", {"192.0.2.0/24"}, false}, kNow);
    }
  });
  EXPECT_FLOAT_EQ(accepted_of(memory_, *Key::organisation("sender.net")), kThreads * kRounds);
  EXPECT_FLOAT_EQ(accepted_of(memory_, *Key::correspondent("sender.net")), kThreads * kRounds);
  for (std::size_t number = 0; number < kThreads; ++number) {
    EXPECT_FLOAT_EQ(accepted_of(memory_, Key::address(host(number))), kRounds);
  }
}

TEST_F(MemoryOfThreads, BlocksEachOnceAndCountsHowOftenItWas) {
  std::atomic<int> begun = 0;
  in_threads([&](std::size_t /*number*/) {
    Conduct harvest;
    harvest.counts.unknown = 40;
    for (int round = 0; round < kRounds; ++round) {
      memory_.learn({host(9), ""}, harvest, kNow);
      begun += memory_.punish(host(9), kNow) ? 1 : 0;
      const auto block = memory_.block_of(host(9), kNow);
      EXPECT_EQ(block->reason, "writes to recipients that do not exist");
      EXPECT_EQ(memory_.blocks(kNow).size(), 1U);
    }
  });
  EXPECT_EQ(begun, 1);
  EXPECT_TRUE(memory_.lift(Cidr::parse("192.0.2.9").value(), kNow));
  EXPECT_FALSE(memory_.block_of(host(9), kNow));
}

TEST_F(MemoryOfThreads, LetsAMessageComeBackOnceOnly) {
  const GreylistVisit visit{{"192.0.2.0/24"}, {}, "a@sender.net b@example.org"};
  std::atomic<int> came_back = 0;
  for (int round = 0; round < kRounds; ++round) {
    const Moment first = kNow + round * 1h;
    ASSERT_FALSE(memory_.greylist(visit, first).has_come_back);
    in_threads([&](std::size_t /*number*/) {
      came_back += memory_.greylist(visit, first + 10min).has_come_back ? 1 : 0;
    });
    // Those that came later began it anew.
    memory_.forget(Key::greylist("192.0.2.0/24", visit.message));
  }
  EXPECT_EQ(came_back, kRounds);
}

TEST_F(MemoryOfThreads, IsConfiguredListedAndTickedMeanwhile) {
  std::string folder = (std::filesystem::temp_directory_path() / "smtpguard-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  memory_.keep_in(folder + "/memory");
  memory_.start();
  const Moment now = wall_now();
  in_threads([&](std::size_t number) {
    Settings settings;
    for (int round = 0; round < kRounds; ++round) {
      memory_.learn({host(10 + number), ""}, delivery(), now);
      memory_.give_pass(Key::address(host(20 + number)), now);
      memory_.forget(Key::address(host(20 + number)));
      EXPECT_LE(memory_.all_of(Key::Kind::Address, now, 100).size(), 2 * kThreads);
      EXPECT_TRUE(memory_.is_enabled());
      if (number == 0) {
        memory_.tick(now);
      } else if (number == 1) {
        settings.entries = 10'000 + static_cast<std::uint32_t>(round);
        memory_.configure(settings);
      }
    }
  });
  memory_.stop();
  for (std::size_t number = 0; number < kThreads; ++number) {
    EXPECT_TRUE(memory_.recall({host(10 + number), ""}, now).is_known_good);
    EXPECT_FALSE(memory_.recall({host(20 + number), ""}, now).is_seen);
  }
  EXPECT_EQ(memory_.extent().records, kThreads);
  EXPECT_EQ(memory_.settings().entries, 10'000U + kRounds - 1U);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace smtpguard::filters::memory
