#include "proxy/session/handshake_memory.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace smtpguard::session {
namespace {

using namespace std::chrono_literals;

IpAddress address(const std::string& text) {
  return IpAddress::parse(text).value();
}

TEST(HandshakeMemory, KnowsAClientUntilItsTime) {
  HandshakeMemory memory;
  const TimePoint now = SteadyClock::now();
  memory.remember(address("192.0.2.9"), now + 10s);
  EXPECT_TRUE(memory.knows(address("192.0.2.9"), now));
  EXPECT_FALSE(memory.knows(address("192.0.2.10"), now));
  EXPECT_FALSE(memory.knows(address("192.0.2.9"), now + 10s));
  memory.remember(address("192.0.2.9"), now + 20s);
  EXPECT_TRUE(memory.knows(address("192.0.2.9"), now + 10s));
  EXPECT_EQ(memory.size(), 1U);
}

TEST(HandshakeMemory, TakesAnIpv6NetworkForOneClient) {
  HandshakeMemory memory;
  const TimePoint now = SteadyClock::now();
  memory.remember(address("2001:db8::9"), now + 10s);
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
    memory.remember(client(i), now + 10s);
  }
  EXPECT_EQ(memory.size(), HandshakeMemory::kMost);
  EXPECT_FALSE(memory.knows(client(0), now));
  EXPECT_TRUE(memory.knows(client(1), now));
}

}  // namespace
}  // namespace smtpguard::session
