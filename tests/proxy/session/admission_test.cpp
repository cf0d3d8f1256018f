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
  std::string enter(const std::string& client, const LimitSettings& limits,
                    Admission::Rank rank = Admission::Rank::Stranger) {
    auto place = admission_.enter(address(client), limits, rank);
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

TEST_F(AdmissionTest, KeepsDescriptorsForTheKnownAndTheirBackends) {
  LimitSettings fifty = limits(1000, 1000, 1000);
  fifty.descriptors = 50;  // two of them are kept from strangers
  for (int i = 0; i < 48; ++i) {
    ASSERT_EQ(enter("192.0.2.1", fifty), "") << i;
  }
  EXPECT_EQ(enter("192.0.2.1", fifty), "too many connections");
  EXPECT_EQ(enter("198.51.100.1", fifty, Admission::Rank::Known), "");
  const auto backend = admission_.enter_backend(fifty);
  EXPECT_TRUE(backend.has_value());
  EXPECT_FALSE(admission_.enter_backend(fifty).has_value());
  EXPECT_EQ(enter("198.51.100.1", fifty, Admission::Rank::Known), "too many connections");
}

TEST_F(AdmissionTest, LetsInFewerWhenBackendsTakeTheDescriptors) {
  LimitSettings ten = limits(1000, 1000, 1000);
  ten.descriptors = 10;
  std::vector<Admission::BackendPlace> backends;
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(enter("192.0.2.1", ten), "");
    backends.push_back(admission_.enter_backend(ten).value());
  }
  EXPECT_EQ(enter("192.0.2.1", ten), "too many connections");
  backends.clear();
  EXPECT_EQ(admission_.backends(), 0U);
  EXPECT_EQ(enter("192.0.2.1", ten), "");
}

TEST_F(AdmissionTest, KeepsAFifthOfTheBackendConnectionsForTheKnown) {
  const auto any = limits(100, 100, 100);
  std::vector<Admission::BackendPlace> backends;
  for (int i = 0; i < 8; ++i) {
    backends.push_back(admission_.enter_backend(any, 10, Admission::Rank::Stranger).value());
  }
  EXPECT_FALSE(admission_.enter_backend(any, 10, Admission::Rank::Stranger).has_value());
  backends.push_back(admission_.enter_backend(any, 10, Admission::Rank::Known).value());
  backends.push_back(admission_.enter_backend(any, 10, Admission::Rank::Known).value());
  EXPECT_FALSE(admission_.enter_backend(any, 10, Admission::Rank::Known).has_value());
}

TEST_F(AdmissionTest, NamesTheOwnLimitBeforeTheTotal) {
  const auto one = limits(1, 100, 1);
  EXPECT_EQ(enter("192.0.2.1", one), "");
  EXPECT_EQ(enter("192.0.2.1", one), "too many connections from your address");
}

TEST_F(AdmissionTest, IsUnderStressUntilItIsWellBelowAgain) {
  const auto ten = limits(10, 100, 100);
  std::vector<bool> stressed;
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(enter("192.0.2.1", ten), "");
    stressed.push_back(admission_.is_under_stress(ten));
  }
  EXPECT_EQ(stressed, (std::vector<bool>{false, false, false, false, false, false, false, true}));
  stressed.clear();
  while (!tickets_.empty()) {
    tickets_.pop_back();
    stressed.push_back(admission_.is_under_stress(ten));
  }
  EXPECT_EQ(stressed, (std::vector<bool>{true, true, false, false, false, false, false, false}));
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
