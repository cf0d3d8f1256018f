#include "proxy/session/body_pace.hpp"

#include <gtest/gtest.h>

namespace smtpguard::session {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{};

// Sends one octet every `pause` until the deadline has passed; how long it could go on.
std::chrono::seconds time_of_dribbling(BodyPace pace, std::chrono::milliseconds pause) {
  TimePoint now = kStart;
  while (now + pause < pace.deadline() && now < kStart + 24h) {
    now += pause;
    pace.took(1, now);
  }
  return std::chrono::duration_cast<std::chrono::seconds>(now - kStart);
}

TEST(BodyPace, EndsASilence) {
  BodyPace pace(100, 180s, kStart);
  EXPECT_EQ(pace.deadline(), kStart + 180s);
  pace.took(1'000'000, kStart + 10s);
  EXPECT_EQ(pace.deadline(), kStart + 190s);
}

TEST(BodyPace, EndsASlowloris) {
  EXPECT_EQ(time_of_dribbling(BodyPace(100, 180s, kStart), 1s), 181s);
  EXPECT_EQ(time_of_dribbling(BodyPace(100, 180s, kStart), 100ms), 199s);
  EXPECT_EQ(time_of_dribbling(BodyPace(100, 180s, kStart), 170s), 170s);
}

TEST(BodyPace, LetsASteadyClientGoOn) {
  EXPECT_GE(time_of_dribbling(BodyPace(100, 180s, kStart), 10ms), 86'400s - 1s);
  EXPECT_GE(time_of_dribbling(BodyPace(0, 180s, kStart), 170s), 86'000s);
}

TEST(BodyPace, SavesUpNoMoreThanItsPatience) {
  BodyPace pace(100, 180s, kStart);
  for (int block = 0; block < 1000; ++block) {
    pace.took(10'000, kStart);
  }
  EXPECT_EQ(pace.deadline(), kStart + 180s);
  pace.took(~std::uint64_t{0}, kStart + 1s);
  EXPECT_EQ(pace.deadline(), kStart + 181s);
}

TEST(BodyPace, DoesNotCountTheTimeOfTheBackend) {
  BodyPace pace(100, 180s, kStart);
  pace.paused(60s);
  EXPECT_EQ(pace.deadline(), kStart + 240s);
}

}  // namespace
}  // namespace smtpguard::session
