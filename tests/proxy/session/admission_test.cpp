#include "proxy/session/admission.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

namespace smtpguard::session {
namespace {

LimitSettings limits(std::uint32_t total, std::uint32_t network, std::uint32_t address) {
  LimitSettings limits;
  limits.connections = total;
  limits.connections_per_network = network;
  limits.connections_per_address = address;
  return limits;
}

IpAddress address(const std::string& text) {
  return IpAddress::parse(text).value();
}

class AdmissionTest : public testing::Test {
 protected:
  // Empty: let in.
  std::string enter(const std::string& client, const LimitSettings& limits) {
    auto place = admission_.enter(address(client), limits);
    if (const auto* refusal = std::get_if<Admission::Refusal>(&place)) {
      return std::string(to_string(*refusal));
    }
    tickets_.push_back(std::get<Admission::Ticket>(std::move(place)));
    return "";
  }

  Admission admission_;
  std::vector<Admission::Ticket> tickets_;
};

TEST_F(AdmissionTest, RefusesOverTheLimitOfAnAddressAndNamesIt) {
  const auto two = limits(100, 100, 2);
  EXPECT_EQ(enter("192.0.2.1", two), "");
  EXPECT_EQ(enter("192.0.2.1", two), "");
  EXPECT_EQ(enter("192.0.2.1", two), "too many connections from your address");
  EXPECT_EQ(enter("192.0.2.2", two), "");
}

TEST_F(AdmissionTest, CountsAnIpv4NetworkBySlash24) {
  const auto two = limits(100, 2, 100);
  EXPECT_EQ(enter("192.0.2.1", two), "");
  EXPECT_EQ(enter("192.0.2.2", two), "");
  EXPECT_EQ(enter("192.0.2.3", two), "too many connections from your network");
  EXPECT_EQ(enter("192.0.3.3", two), "");
}

TEST_F(AdmissionTest, CountsAnIpv6NetworkBySlash64) {
  const auto two = limits(100, 2, 100);
  EXPECT_EQ(enter("2001:db8::1", two), "");
  EXPECT_EQ(enter("2001:db8::2", two), "");
  EXPECT_EQ(enter("2001:db8::ffff:3", two), "too many connections from your network");
  EXPECT_EQ(enter("2001:db8:0:1::1", two), "");
}

TEST_F(AdmissionTest, RefusesOverTheTotal) {
  const auto one = limits(1, 100, 100);
  EXPECT_EQ(enter("192.0.2.1", one), "");
  EXPECT_EQ(enter("198.51.100.1", one), "too many connections");
}

TEST_F(AdmissionTest, GivesThePlaceBackWhenTheTicketDies) {
  const auto one = limits(1, 1, 1);
  EXPECT_EQ(enter("192.0.2.1", one), "");
  tickets_.clear();
  EXPECT_EQ(enter("192.0.2.1", one), "");
  EXPECT_EQ(admission_.total(), 1U);
}

TEST_F(AdmissionTest, CountsARefusedClientNowhere) {
  const auto one = limits(100, 100, 1);
  EXPECT_EQ(enter("192.0.2.1", one), "");
  EXPECT_NE(enter("192.0.2.1", one), "");
  EXPECT_EQ(admission_.total(), 1U);
}

TEST_F(AdmissionTest, HoldsNoMoreCountersThanConnections) {
  const auto many = limits(1'000'000, 1'000'000, 1'000'000);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(enter(fmt::format("10.{}.{}.1", i / 250, i % 250), many), "");
    tickets_.clear();
  }
  EXPECT_EQ(admission_.counters(), 0U);
}

}  // namespace
}  // namespace smtpguard::session
