#include "filters/memory/block.hpp"

#include <gtest/gtest.h>

namespace smtpguard::filters::memory {
namespace {

constexpr Moment kNow = moment_at(1'800'000'000);

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

Block block(const char* network, Moment until, Moment changed = kNow) {
  Block made;
  made.network = Cidr::parse(network).value();
  made.until = until;
  made.changed = changed;
  return made;
}

TEST(BlockList, FindsTheMostSpecificThatHolds) {
  BlockList list;
  list.put(block("192.0.2.0/24", kNow + 1h));
  list.put(block("192.0.2.9", kNow + 1min));
  list.put(block("2001:db8::/32", kNow + 1h));
  EXPECT_EQ(list.find(ip("192.0.2.9"), kNow)->network.length, 32);
  EXPECT_EQ(list.find(ip("192.0.2.9"), kNow + 2min)->network.length, 24);
  EXPECT_EQ(list.find(ip("192.0.3.9"), kNow), nullptr);
  EXPECT_NE(list.find(ip("2001:db8:1::1"), kNow), nullptr);
  EXPECT_EQ(list.find(ip("192.0.2.9"), kNow + 1h), nullptr);
  EXPECT_EQ(list.all(kNow + 2min).size(), 2U);
}

TEST(BlockList, RemembersForAWhileWhatNoLongerHolds) {
  BlockList list;
  list.put(block("192.0.2.9", kNow + 1h));
  EXPECT_TRUE(list.forget_old(kNow + 24h).empty());
  EXPECT_NE(list.about(Cidr::parse("192.0.2.9").value()), nullptr);
  EXPECT_EQ(list.forget_old(kNow + 1h + BlockList::kMemory).size(), 1U);
  EXPECT_EQ(list.about(Cidr::parse("192.0.2.9").value()), nullptr);
  EXPECT_EQ(list.size(), 0U);
}

TEST(BlockList, OfTwoCopiesTheLaterOneHolds) {
  BlockList list;
  list.put(block("192.0.2.9", kNow, kNow + 5s));
  EXPECT_FALSE(list.put(block("192.0.2.9", kNow + 1h, kNow)));
  EXPECT_EQ(list.find(ip("192.0.2.9"), kNow), nullptr);
}

TEST(BlockList, IsBounded) {
  BlockList list;
  for (std::uint32_t i = 0; i < BlockList::kMost + 10; ++i) {
    Block one = block("10.0.0.0", kNow + 1h);
    one.network.network =
        IpAddress::v4({10, static_cast<std::uint8_t>(i >> 16U), static_cast<std::uint8_t>(i >> 8U),
                       static_cast<std::uint8_t>(i)});
    list.put(one);
  }
  EXPECT_EQ(list.size(), BlockList::kMost);
  // Those that hold keep their places; one that is over gives way to a new one.
  EXPECT_FALSE(list.put(block("192.0.2.1", kNow + 2h)));
  EXPECT_TRUE(list.put(block("192.0.2.1", kNow + 4h, kNow + 2h)));
  EXPECT_EQ(list.size(), BlockList::kMost);
  EXPECT_NE(list.find(ip("192.0.2.1"), kNow + 3h), nullptr);
}

}  // namespace
}  // namespace smtpguard::filters::memory
