#include "filters/memory/record.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace smtpguard::filters::memory {

namespace {

constexpr double kSecondsOfDay = 86400;

// Never above one: a clock that was set back makes nothing grow.
float fading(Moment then, Moment now) {
  const double halves =
      std::chrono::duration<double>(between(then, now)) / std::chrono::duration<double>(kHalfLife);
  return static_cast<float>(std::exp2(-halves));
}

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
  accepted += other.accepted;
  refused += other.refused;
  unknown += other.unknown;
  early += other.early;
  junk += other.junk;
  return *this;
}

bool Record::shows(Trait trait, Moment now) const {
  return now < holds_until[static_cast<std::size_t>(trait)];
}

bool Record::is_known_good(Moment now) const {
  return shows(Trait::WaitsForGreeting, now) && shows(Trait::WaitsForReplies, now) &&
         shows(Trait::SpeaksSmtp, now);
}

Counts Record::counts_at(Moment now) const {
  const float factor = fading(last_seen, now);
  return {counts.accepted * factor, counts.refused * factor, counts.unknown * factor,
          counts.early * factor, counts.junk * factor};
}

void Record::add(const Counts& seen, Moment now) {
  counts = counts_at(now);
  counts += seen;
  last_seen = std::max(last_seen, now);
  if (first_seen == Moment{}) {
    first_seen = now;
  }
}

int Record::failed_host_count() const {
  return std::popcount(failed_hosts);
}

// Who wrote to us is worth more than who has shown manners, who has shown manners more than who has
// shown none; and each less the longer it has not been seen.
double usefulness(const Record& record, Moment now) {
  if (record.expires <= now) {
    return -1;
  }
  const Counts counts = record.counts_at(now);
  // Whoever likes makes us write down a message of his.
  double worth = record.key.kind() == Key::Kind::Greylist ? 0.2 : 1;
  worth += record.key.kind() == Key::Kind::Correspondent ? 200 : 0;
  worth += record.is_known_good(now) ? 100 : 0;
  worth += record.key.kind() == Key::Kind::Network ? 20 : 0;
  worth += std::min<double>(50, double{counts.accepted} * 2);
  worth +=
      std::min<double>(10, double{counts.unknown} + double{counts.early} + double{counts.junk});
  const auto unseen = std::chrono::duration<double>(between(record.last_seen, now)).count();
  return worth / (1 + unseen / kSecondsOfDay);
}

}  // namespace smtpguard::filters::memory
