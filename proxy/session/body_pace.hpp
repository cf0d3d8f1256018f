// BodyPace — until when a client must have sent more of its message.
// Owns: one time point.   Called by: BodyRelay.   Fails: never.
// A silence of `patience` is always too long. And who sends an octet now and then must keep up a
// rate: each octet buys 1/rate seconds, and never more than `patience` can be saved up. So a
// message of n octets takes at most patience + n / rate (slowloris; Postfix's smtpd_min_data_rate).
// Time in which we could not read, because the backend did not take data, is not the client's.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "conf/base/clock.hpp"

namespace smtpguard::session {

class BodyPace {
 public:
  // `rate`: octets per second; 0: none is asked for.
  BodyPace(std::uint64_t rate, Milliseconds patience, TimePoint now)
      : rate_(rate), patience_(patience), deadline_(now + patience) {}

  TimePoint deadline() const { return deadline_; }

  void took(std::uint64_t octets, TimePoint now) {
    const TimePoint most = now + patience_;
    // More octets than this buy all that can be saved up; and the product below stays small.
    const auto enough = static_cast<std::uint64_t>(patience_.count()) * rate_ / 1000;
    if (rate_ == 0 || octets > enough) {
      deadline_ = most;
      return;
    }
    const std::chrono::nanoseconds bought(octets * 1'000'000'000 / rate_);
    deadline_ = std::min(most, deadline_ + std::chrono::duration_cast<TimePoint::duration>(bought));
  }

  // We did not read for so long.
  void paused(TimePoint::duration time) { deadline_ += time; }

 private:
  std::uint64_t rate_;
  Milliseconds patience_;
  TimePoint deadline_;
};

}  // namespace smtpguard::session
