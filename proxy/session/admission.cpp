#include "proxy/session/admission.hpp"

#include <random>

namespace smtpguard::session {

namespace {

std::size_t random_seed() {
  std::random_device device;
  return (static_cast<std::size_t>(device()) << 32U) ^ device();
}

// Counters of zero are removed, so that the tables hold no more than the connections do.
template <typename Counters>
void decrease(Counters& counters, const IpAddress& key) {
  const auto found = counters.find(key);
  if (found != counters.end() && --found->second == 0) {
    counters.erase(found);
  }
}

template <typename Counters>
std::uint32_t count(const Counters& counters, const IpAddress& key) {
  const auto found = counters.find(key);
  return found == counters.end() ? 0 : found->second;
}

}  // namespace

IpAddress network_of(const IpAddress& client) {
  return client.prefix(client.is_v4() ? 24 : 64);
}

std::string_view to_string(Admission::Refusal refusal) {
  switch (refusal) {
    case Admission::Refusal::Total:
      return "too many connections";
    case Admission::Refusal::Network:
      return "too many connections from your network";
    case Admission::Refusal::Address:
      return "too many connections from your address";
  }
  return "?";
}

std::size_t Admission::SeededHash::operator()(const IpAddress& address) const noexcept {
  // splitmix64 over seed and both halves; std::hash of the address alone would be predictable.
  std::size_t hash = seed;
  for (const std::uint8_t byte : address.bytes()) {
    hash = (hash ^ byte) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 29U;
  }
  return hash;
}

Admission::Admission()
    : addresses_(16, SeededHash{random_seed()}), networks_(16, SeededHash{random_seed()}) {}

std::variant<Admission::Ticket, Admission::Refusal> Admission::enter(const IpAddress& client,
                                                                     const LimitSettings& limits) {
  const IpAddress network = network_of(client);
  if (total_ >= limits.connections) {
    return Refusal::Total;
  }
  if (count(networks_, network) >= limits.connections_per_network) {
    return Refusal::Network;
  }
  if (count(addresses_, client) >= limits.connections_per_address) {
    return Refusal::Address;
  }
  ++total_;
  ++networks_[network];
  ++addresses_[client];
  return Ticket(*this, client);
}

void Admission::leave(const IpAddress& client) {
  --total_;
  decrease(networks_, network_of(client));
  decrease(addresses_, client);
}

Admission::Ticket::~Ticket() {
  if (admission_ != nullptr) {
    admission_->leave(client_);
  }
}

}  // namespace smtpguard::session
