#include "proxy/session/rates.hpp"

#include <gtest/gtest.h>

namespace smtpguard::session {
namespace {

using namespace std::chrono_literals;
using What = Rates::What;

IpAddress host(unsigned last) {
  return IpAddress::v4({192, 0, 2, static_cast<std::uint8_t>(last)});
}

TEST(Rates, AllowsWhatAMinuteAllowsAndFillsEvenly) {
  Rates rates;
  const TimePoint now = SteadyClock::now();
  for (int i = 0; i < 6; ++i) {
    EXPECT_FALSE(rates.take(What::Messages, host(1), 6, now));
  }
  EXPECT_EQ(rates.take(What::Messages, host(1), 6, now),
            "too many messages a minute from your address; try again in 10 seconds");
  EXPECT_TRUE(rates.take(What::Messages, host(1), 6, now + 9s));
  EXPECT_FALSE(rates.take(What::Messages, host(1), 6, now + 20s));
}

TEST(Rates, CountsEachKindAndEachAddressForItself) {
  Rates rates;
  const TimePoint now = SteadyClock::now();
  EXPECT_FALSE(rates.take(What::Messages, host(1), 1, now));
  EXPECT_FALSE(rates.take(What::Recipients, host(1), 1, now));
  EXPECT_FALSE(rates.take(What::Messages, host(2), 1, now));
  EXPECT_TRUE(rates.take(What::Messages, host(2), 1, now));
}

TEST(Rates, ANetworkMayDoFourTimesAsMuch) {
  Rates rates;
  const TimePoint now = SteadyClock::now();
  for (unsigned last = 1; last <= Rates::kNetworkFactor; ++last) {
    EXPECT_FALSE(rates.take(What::Connections, host(last), 1, now));
  }
  EXPECT_EQ(rates.take(What::Connections, host(9), 1, now),
            "too many connections a minute from your network; try again in 15 seconds");
}

TEST(Rates, TakesASlash64OfIpv6ForOneClient) {
  Rates rates;
  const TimePoint now = SteadyClock::now();
  EXPECT_FALSE(rates.take(What::Messages, IpAddress::parse("2001:db8::1").value(), 1, now));
  EXPECT_EQ(rates.take(What::Messages, IpAddress::parse("2001:db8::ffff:2").value(), 1, now),
            "too many messages a minute from your network; try again in 60 seconds");
  EXPECT_FALSE(rates.take(What::Messages, IpAddress::parse("2001:db8:0:1::1").value(), 1, now));
  EXPECT_EQ(rates.buckets(What::Messages), 2U);
}

TEST(Rates, CountsNothingWhereEverythingIsAllowed) {
  Rates rates;
  EXPECT_FALSE(rates.take(What::Connections, host(1), 0, SteadyClock::now()));
  EXPECT_EQ(rates.buckets(What::Connections), 0U);
}

TEST(Rates, KeepsABoundedNumberOfBucketsAndForgetsTheFull) {
  Rates rates;
  const TimePoint now = SteadyClock::now();
  const auto client = [](unsigned i) {
    return IpAddress::v4({10, static_cast<std::uint8_t>(i >> 16U),
                          static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)});
  };
  for (unsigned i = 0; i < Rates::kMost + 100; ++i) {
    rates.take(What::Connections, client(i), 1'000'000, now);
  }
  EXPECT_LE(rates.buckets(What::Connections), 2 * Rates::kMost);
  rates.take(What::Connections, client(Rates::kMost + 200), 1'000'000, now + 2min);
  EXPECT_LE(rates.buckets(What::Connections), 2U);
}

}  // namespace
}  // namespace smtpguard::session
