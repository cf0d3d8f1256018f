#include "proxy/session/handshake_memory.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace smtpguard::session {
namespace {

using namespace std::chrono_literals;
using Failure = HandshakeMemory::Failure;

IpAddress address(const std::string& text) {
  return IpAddress::parse(text).value();
}

TEST(HandshakeMemory, KnowsAClientUntilItsTime) {
  HandshakeMemory memory;
  const TimePoint now = SteadyClock::now();
  memory.on_failure(address("192.0.2.9"), Failure::Refused, now, now + 10s);
  EXPECT_TRUE(memory.knows(address("192.0.2.9"), now));
  EXPECT_FALSE(memory.knows(address("192.0.2.10"), now));
  EXPECT_FALSE(memory.knows(address("192.0.2.9"), now + 10s));
  memory.on_failure(address("192.0.2.9"), Failure::Refused, now, now + 20s);
  EXPECT_TRUE(memory.knows(address("192.0.2.9"), now + 10s));
  EXPECT_EQ(memory.size(), 1U);
}

TEST(HandshakeMemory, TakesABrokenLineForAFailureTheSecondTimeOnly) {
  HandshakeMemory memory;
  const TimePoint now = SteadyClock::now();
  memory.on_failure(address("192.0.2.9"), Failure::Cut, now, now + 10s);
  EXPECT_FALSE(memory.knows(address("192.0.2.9"), now));
  memory.on_failure(address("192.0.2.9"), Failure::Cut, now + 11s, now + 21s);
  EXPECT_FALSE(memory.knows(address("192.0.2.9"), now + 11s));
  memory.on_failure(address("192.0.2.9"), Failure::Cut, now + 12s, now + 22s);
  EXPECT_TRUE(memory.knows(address("192.0.2.9"), now + 12s));
}

TEST(HandshakeMemory, ForgetsAfterASuccessAndWhenItIsTold) {
  HandshakeMemory memory;
  const TimePoint now = SteadyClock::now();
  memory.on_failure(address("192.0.2.9"), Failure::Cut, now, now + 10s);
  memory.on_success(address("192.0.2.9"));
  memory.on_failure(address("192.0.2.9"), Failure::Cut, now + 1s, now + 11s);
  EXPECT_FALSE(memory.knows(address("192.0.2.9"), now + 1s));
  memory.on_failure(address("192.0.2.10"), Failure::Refused, now, now + 10s);
  memory.forget_all();
  EXPECT_FALSE(memory.knows(address("192.0.2.10"), now));
  EXPECT_EQ(memory.size(), 0U);
}

TEST(HandshakeMemory, TakesAnIpv6NetworkForOneClient) {
  HandshakeMemory memory;
  const TimePoint now = SteadyClock::now();
  memory.on_failure(address("2001:db8::9"), Failure::Refused, now, now + 10s);
  EXPECT_TRUE(memory.knows(address("2001:db8::ffff:1"), now));
  EXPECT_FALSE(memory.knows(address("2001:db8:0:1::9"), now));
}

TEST(HandshakeMemory, ForgetsTheOldestBeyondItsBound) {
  HandshakeMemory memory;
  const TimePoint now = SteadyClock::now();
  const auto client = [](std::size_t number) {
    return address(fmt::format("10.{}.{}.{}", number >> 16U, number >> 8U & 255U, number & 255U));
  };
  for (std::size_t i = 0; i <= HandshakeMemory::kMost; ++i) {
    memory.on_failure(client(i), Failure::Refused, now, now + 10s);
  }
  EXPECT_EQ(memory.size(), HandshakeMemory::kMost);
  EXPECT_FALSE(memory.knows(client(0), now));
  EXPECT_TRUE(memory.knows(client(1), now));
}

}  // namespace
}  // namespace smtpguard::session
