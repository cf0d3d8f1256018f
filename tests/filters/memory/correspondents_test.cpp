#include <gtest/gtest.h>

#include "filters/memory/memory.hpp"

namespace smtpguard::filters::memory {
namespace {

constexpr Moment kNow = moment_at(1'800'000'000);
constexpr std::chrono::seconds kMonth = 720h;

class Correspondents : public testing::Test {
 protected:
  Memory memory{Settings(), dns::KeyedHash({1, 2})};
};

TEST_F(Correspondents, AreKnownByTheirConfirmedNameForMoreThanAYear) {
  memory.learn_sender({"bank.example", {"192.0.2.0/24"}, true}, kNow);
  const auto known =
      memory.recall_sender({"bank.example", {"198.51.100.0/24"}, true}, kNow + 370 * 24h);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->since, kNow);
  EXPECT_FALSE(memory.recall_sender({"bank.example", {}, true}, kNow + 401 * 24h));
}

TEST_F(Correspondents, AreKnownByTheNetworkTheyCameFrom) {
  memory.learn_sender({"bank.example", {"192.0.2.0/24"}, true}, kNow);
  EXPECT_EQ(memory.recall_sender({"bank.example", {"192.0.2.0/24"}, false}, kNow + kMonth)->by,
            "192.0.2.0/24");
}

TEST_F(Correspondents, CannotBeForged) {
  memory.learn_sender({"bank.example", {"192.0.2.0/24"}, true}, kNow);
  EXPECT_FALSE(memory.recall_sender({"bank.example", {"203.0.113.0/24"}, false}, kNow + kMonth));
  EXPECT_FALSE(memory.recall_sender({"other.example", {"192.0.2.0/24"}, false}, kNow + kMonth));
  EXPECT_FALSE(memory.recall_sender({"", {"192.0.2.0/24"}, true}, kNow + kMonth));
}

TEST_F(Correspondents, CanBeImportedWithWhereTheirMailComesFrom) {
  EXPECT_TRUE(memory.import_sender("Bank.Example", "", kNow));
  EXPECT_TRUE(memory.recall_sender({"bank.example", {}, true}, kNow));
  EXPECT_FALSE(memory.recall_sender({"bank.example", {"192.0.2.0/24"}, false}, kNow));
  EXPECT_TRUE(memory.import_sender("shop.example", "192.0.2.9", kNow));
  EXPECT_TRUE(memory.recall_sender({"shop.example", {"192.0.2.0/24"}, false}, kNow));
  EXPECT_TRUE(memory.import_sender("shop.example", "hoster.example", kNow));
  EXPECT_TRUE(memory.recall_sender({"shop.example", {"hoster.example"}, false}, kNow));
  EXPECT_FALSE(memory.import_sender("shop.example", "192.0.0.0/16", kNow));
  EXPECT_FALSE(memory.import_sender("no domain", "", kNow));
}

TEST_F(Correspondents, OfLongNamesAreKnownAsWell) {
  const std::string domain = std::string(50, 'a') + ".example";
  memory.learn_sender({domain, {"192.0.2.0/24"}, true}, kNow);
  EXPECT_TRUE(memory.recall_sender({domain, {"192.0.2.0/24"}, false}, kNow));
  EXPECT_FALSE(memory.recall_sender({domain, {"192.0.3.0/24"}, false}, kNow));
}

class Blocking : public testing::Test {
 protected:
  void harvest(float count, Moment now) {
    Conduct conduct;
    conduct.counts.unknown = count;
    memory.learn({client, {}}, conduct, now);
  }
  const IpAddress client = IpAddress::parse("192.0.2.9").value();
  Memory memory{Settings(), dns::KeyedHash({1, 2})};
};

TEST_F(Blocking, ComesToWhoHarvestsAndEachTimeForLonger) {
  harvest(29, kNow);
  EXPECT_FALSE(memory.punish(client, kNow));
  harvest(2, kNow);
  const auto first = memory.punish(client, kNow);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->until, kNow + 1h);
  EXPECT_FALSE(memory.punish(client, kNow)) << "it is blocked already";
  EXPECT_TRUE(memory.block_of(client, kNow + 59min));
  EXPECT_FALSE(memory.block_of(client, kNow + 1h));
  harvest(1, kNow + 2h);
  EXPECT_EQ(memory.punish(client, kNow + 2h)->until, kNow + 2h + 4h);
}

TEST_F(Blocking, DoesNotComeToWhoDeliversAsWell) {
  harvest(40, kNow);
  Conduct good;
  good.counts.accepted = 25;
  memory.learn({client, {}}, good, kNow);
  EXPECT_FALSE(memory.punish(client, kNow));
}

TEST_F(Blocking, CanBeLiftedAndIsForgotten) {
  harvest(40, kNow);
  memory.punish(client, kNow);
  const Cidr network = Cidr::parse("192.0.2.9").value();
  EXPECT_TRUE(memory.lift(network, kNow + 1min));
  EXPECT_FALSE(memory.block_of(client, kNow + 1min));
  EXPECT_FALSE(memory.lift(network, kNow + 1min));
  // What it did before is forgiven, and the next block is its first again.
  harvest(1, kNow + 2min);
  EXPECT_FALSE(memory.punish(client, kNow + 2min).has_value());
  harvest(40, kNow + 2min);
  EXPECT_EQ(memory.punish(client, kNow + 2min)->times, 1U);
}

}  // namespace
}  // namespace smtpguard::filters::memory
