#include "proxy/session/rates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "proxy/session/admission.hpp"

namespace smtpguard::session {

namespace {

using namespace std::chrono_literals;

constexpr double kMinute = 60;
// Looking at all of them takes a millisecond or two.
constexpr Milliseconds kBetweenSweeps = 5s;

std::size_t random_seed() {
  std::random_device device;
  return (static_cast<std::size_t>(device()) << 32U) ^ device();
}

}  // namespace

std::string_view to_string(Rates::What what) {
  switch (what) {
    case Rates::What::Connections:
      return "connections";
    case Rates::What::Messages:
      return "messages";
    case Rates::What::Recipients:
      return "recipients";
  }
  return "?";
}

// As Admission's.
std::size_t Rates::SeededHash::operator()(const IpAddress& address) const noexcept {
  std::size_t hash = seed;
  for (const std::uint8_t byte : address.bytes()) {
    hash = (hash ^ byte) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 29U;
  }
  return hash;
}

Rates::Rates() {
  for (Kind& kind : kinds_) {
    kind.addresses = Buckets(16, SeededHash{random_seed()});
    kind.networks = Buckets(16, SeededHash{random_seed()});
  }
}

// A bucket that nobody touched for a minute is full again, and as good as none.
void Rates::sweep(Kind& kind, TimePoint now) {
  if (now < kind.swept + kBetweenSweeps) {
    return;
  }
  kind.swept = now;
  for (Buckets* buckets : {&kind.addresses, &kind.networks}) {
    std::erase_if(*buckets, [&](const auto& entry) { return entry.second.filled + 60s <= now; });
  }
}

double Rates::take_one(Kind& kind, Buckets& buckets, const IpAddress& whose, double per_minute,
                       TimePoint now) {
  auto found = buckets.find(whose);
  if (found == buckets.end()) {
    if (buckets.size() >= kMost) {
      sweep(kind, now);
    }
    if (buckets.size() >= kMost) {
      return 0;
    }
    found = buckets.emplace(whose, Bucket{per_minute, now}).first;
  }
  Bucket& bucket = found->second;
  const double passed = std::max(0.0, std::chrono::duration<double>(now - bucket.filled).count());
  bucket.level = std::min(per_minute, bucket.level + passed * per_minute / kMinute);
  bucket.filled = std::max(bucket.filled, now);  // who asks first may come last, by a hair
  if (bucket.level < 1) {
    return (1 - bucket.level) * kMinute / per_minute;
  }
  bucket.level -= 1;
  return 0;
}

std::optional<std::string> Rates::take(What what, const IpAddress& client, std::uint32_t per_minute,
                                       TimePoint now) {
  if (per_minute == 0) {
    return {};
  }
  const auto in_words = [&](std::string_view whose, double seconds) {
    return fmt::format("too many {} a minute from your {}; try again in {:.0f} seconds",
                       to_string(what), whose, std::ceil(seconds));
  };
  // Of IPv6 the /64 is the client: each host has as many addresses as it likes.
  const IpAddress network = network_of(client);
  double of_address = 0;
  double of_network = 0;
  {
    const std::lock_guard lock(mutex_);
    Kind& kind = kinds_[static_cast<std::size_t>(what)];
    of_address = take_one(kind, kind.addresses, client.is_v4() ? client : network, per_minute, now);
    if (of_address <= 0 && client.is_v4()) {
      of_network = take_one(kind, kind.networks, network, double{kNetworkFactor} * per_minute, now);
    }
  }
  if (of_address > 0) {
    return in_words(client.is_v4() ? "address" : "network", of_address);
  }
  if (of_network > 0) {
    return in_words("network", of_network);
  }
  return {};
}

std::size_t Rates::buckets(What what) const {
  const std::lock_guard lock(mutex_);
  const Kind& kind = kinds_[static_cast<std::size_t>(what)];
  return kind.addresses.size() + kind.networks.size();
}

}  // namespace smtpguard::session
