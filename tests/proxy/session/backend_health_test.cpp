#include "proxy/session/backend_health.hpp"

#include <gtest/gtest.h>

namespace smtpguard::session {
namespace {

using namespace std::chrono_literals;

const Endpoint kFirst = Endpoint::parse("192.0.2.1:25").value();
const Endpoint kSecond = Endpoint::parse("192.0.2.2:25").value();
const std::vector<Endpoint> kBoth{kFirst, kSecond};
const std::vector<Endpoint> kTurned{kSecond, kFirst};

class BackendHealthTest : public testing::Test {
 protected:
  const TimePoint now_ = SteadyClock::now();
  BackendHealth health_;
};

TEST_F(BackendHealthTest, KeepsTheOrderWhileNothingIsKnown) {
  EXPECT_EQ(health_.order(kBoth), kBoth);
  EXPECT_EQ(health_.is_up(kFirst), std::nullopt);
  EXPECT_FALSE(health_.is_settled(kBoth));
}

TEST_F(BackendHealthTest, TriesOneThatIsDownLastAndProbesItWhenItsRestIsOver) {
  health_.learned(kSecond, {});
  EXPECT_TRUE(health_.failed(kFirst, now_));
  EXPECT_EQ(health_.order(kBoth), kTurned);
  EXPECT_EQ(health_.due(kBoth, now_ + 1s), std::nullopt);
  EXPECT_EQ(health_.due(kBoth, now_ + 2s), kFirst);
}

TEST_F(BackendHealthTest, RestsLongerEachTimeButNotForEver) {
  health_.learned(kSecond, {});
  TimePoint now = now_;
  for (const auto rest : {2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    health_.failed(kFirst, now);
    // Another session that found it down at the same time makes the rest no longer.
    health_.failed(kFirst, now);
    EXPECT_EQ(health_.due(kBoth, now + rest - 1s), std::nullopt) << rest.count();
    EXPECT_EQ(health_.due(kBoth, now + rest), kFirst) << rest.count();
    now += rest;
  }
}

TEST_F(BackendHealthTest, TellsEachChangeOnce) {
  EXPECT_TRUE(health_.worked(kFirst, now_));
  EXPECT_FALSE(health_.worked(kFirst, now_));
  EXPECT_TRUE(health_.failed(kFirst, now_));
  EXPECT_FALSE(health_.failed(kFirst, now_));
  EXPECT_FALSE(health_.is_settled(kBoth));
  EXPECT_TRUE(health_.worked(kFirst, now_));
  EXPECT_EQ(health_.is_up(kFirst), true);
  // And begins with a short rest again.
  health_.failed(kFirst, now_);
  EXPECT_EQ(health_.due(kBoth, now_ + 2s), kFirst);
}

TEST_F(BackendHealthTest, AsksEachThatHasNotSaidWhatItOffers) {
  EXPECT_EQ(health_.due(kBoth, now_), kFirst);
  health_.worked(kFirst, now_);
  EXPECT_EQ(health_.due(kBoth, now_), kFirst);
  health_.learned(kFirst, {});
  EXPECT_EQ(health_.due(kBoth, now_), kSecond);
  health_.failed(kSecond, now_);
  EXPECT_EQ(health_.due(kBoth, now_), std::nullopt);
  health_.worked(kSecond, now_);
  health_.learned(kSecond, {});
  EXPECT_TRUE(health_.is_settled(kBoth));
  EXPECT_EQ(health_.due(kBoth, now_), std::nullopt);
}

TEST_F(BackendHealthTest, OffersWhatAllCanDo) {
  EXPECT_EQ(health_.offered(kBoth), std::nullopt);
  smtp::Capabilities rich;
  rich.eight_bit_mime = rich.smtp_utf8 = rich.dsn = rich.has_size = true;
  rich.size = 1000;
  health_.learned(kFirst, rich);
  EXPECT_EQ(health_.offered(kBoth), rich);
  smtp::Capabilities poor;
  poor.eight_bit_mime = poor.has_size = true;
  poor.size = 5000;
  health_.learned(kSecond, poor);
  EXPECT_EQ(health_.offered(kBoth), poor);
  EXPECT_EQ(health_.offered({kFirst}), rich);
  // Whether it answers just now changes nothing: it may get the message all the same.
  health_.failed(kSecond, now_);
  EXPECT_EQ(health_.offered(kBoth), poor);
  health_.worked(kSecond, now_);
  EXPECT_EQ(health_.offered(kBoth), poor);
  poor.size = 0;  // no limit
  health_.learned(kSecond, poor);
  EXPECT_EQ(health_.offered(kBoth)->size, 0U);
}

TEST_F(BackendHealthTest, TellsThoseWhoWaitThatItHasFailedOthers) {
  health_.worked(kFirst, now_);
  EXPECT_FALSE(health_.has_failed_since(kFirst, now_));
  health_.failed(kFirst, now_ + 5s);
  EXPECT_TRUE(health_.has_failed_since(kFirst, now_));
  EXPECT_FALSE(health_.has_failed_since(kFirst, now_ + 6s)) << "who comes later is its last hope";
  EXPECT_FALSE(health_.has_failed_since(kSecond, now_));
  // While it rests as well.
  health_.failed(kFirst, now_ + 6s);
  EXPECT_TRUE(health_.has_failed_since(kFirst, now_ + 6s));
}

TEST_F(BackendHealthTest, ProbesASuspectOnceUnlessSomebodyWasAnsweredMeanwhile) {
  EXPECT_FALSE(health_.suspect(kFirst, now_)) << "it is to be probed anyway";
  for (const Endpoint& backend : kBoth) {
    health_.worked(backend, now_);
    health_.learned(backend, {});
  }
  EXPECT_FALSE(health_.suspect(kFirst, now_));
  EXPECT_TRUE(health_.is_settled(kBoth));
  EXPECT_TRUE(health_.suspect(kFirst, now_ + 1s));
  EXPECT_FALSE(health_.suspect(kFirst, now_ + 1s));
  EXPECT_FALSE(health_.is_settled(kBoth));
  EXPECT_EQ(health_.due(kBoth, now_ + 1s), kFirst);
  EXPECT_EQ(health_.order(kBoth), kBoth) << "it is used until the probe has failed";
  health_.worked(kFirst, now_ + 2s);
  EXPECT_TRUE(health_.is_settled(kBoth));
  EXPECT_TRUE(health_.suspect(kFirst, now_ + 3s));
  health_.failed(kFirst, now_ + 4s);
  EXPECT_EQ(health_.due(kBoth, now_ + 5s), std::nullopt);
}

TEST_F(BackendHealthTest, TellsOnceThatNoneAnswersAndOnceThatOneDoes) {
  EXPECT_EQ(health_.outage_news(kBoth), std::nullopt);
  health_.failed(kFirst, now_);
  EXPECT_EQ(health_.outage_news(kBoth), std::nullopt) << "the other was not tried yet";
  health_.failed(kSecond, now_);
  EXPECT_EQ(health_.outage_news(kBoth), true);
  EXPECT_EQ(health_.outage_news(kBoth), std::nullopt);
  health_.worked(kSecond, now_);
  EXPECT_EQ(health_.outage_news(kBoth), false);
  EXPECT_EQ(health_.outage_news(kBoth), std::nullopt);
}

TEST_F(BackendHealthTest, RemembersWhenEachAnsweredLast) {
  EXPECT_EQ(health_.heard_at(kFirst), std::nullopt);
  health_.failed(kFirst, now_);
  EXPECT_EQ(health_.heard_at(kFirst), std::nullopt);
  health_.worked(kFirst, now_ + 1s);
  health_.failed(kFirst, now_ + 2s);
  EXPECT_EQ(health_.heard_at(kFirst), now_ + 1s);
}

TEST_F(BackendHealthTest, ForgetsWhatAReloadHasTakenAway) {
  health_.failed(kFirst, now_);
  health_.keep({kSecond});
  EXPECT_EQ(health_.is_up(kFirst), std::nullopt);
}

}  // namespace
}  // namespace smtpguard::session
