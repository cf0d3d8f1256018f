#include "proxy/session/admission.hpp"

#include <algorithm>
#include <random>

namespace smtpguard::session {

namespace {

// One in so many descriptors is for backends and for the known: room for mail under a storm.
constexpr std::uint64_t kKeptFromStrangers = 25;
// And one in so many of the connections that there may be to backends.
constexpr std::uint32_t kKeptBackends = 5;

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
    case Admission::Refusal::Memory:
      return "too little memory at present, please try again";
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
                                                                     const LimitSettings& limits,
                                                                     Rank rank) {
  const IpAddress network = network_of(client);
  const Lock lock(mutex_);
  if (is_short_of_memory_ && rank == Rank::Stranger) {
    return Refusal::Memory;
  }
  if (count(networks_, network) >= limits.connections_per_network) {
    return Refusal::Network;
  }
  if (count(addresses_, client) >= limits.connections_per_address) {
    return Refusal::Address;
  }
  // Last: for who is refused for this alone others may have to make room.
  if (total_ >= room_of(rank, limits)) {
    return Refusal::Total;
  }
  // Whichever of the two has no memory, nothing is counted.
  std::uint32_t& of_network = networks_[network];
  std::uint32_t& of_address = addresses_[client];
  ++total_;
  ++of_network;
  ++of_address;
  return Ticket(*this, client);
}

// How many clients there may be, as things are: every backend takes a descriptor from them.
std::uint64_t Admission::room_of(Rank rank, const LimitSettings& limits) const {
  if (limits.descriptors == 0) {
    return limits.connections;
  }
  const std::uint64_t kept =
      rank == Rank::Stranger ? limits.descriptors / kKeptFromStrangers : std::uint64_t{0};
  const std::uint64_t taken = std::max<std::uint64_t>(kept, backends_);
  const std::uint64_t left = limits.descriptors > taken ? limits.descriptors - taken : 0;
  return std::min<std::uint64_t>(limits.connections, left);
}

std::optional<Admission::BackendPlace> Admission::enter_backend(const LimitSettings& limits,
                                                                std::uint32_t most, Rank rank) {
  const std::uint32_t kept = rank == Rank::Stranger ? most / kKeptBackends : 0;
  const Lock lock(mutex_);
  if (most != 0 && backends_ >= most - kept) {
    return std::nullopt;
  }
  if (limits.descriptors != 0 && std::uint64_t{total_} + backends_ >= limits.descriptors) {
    return std::nullopt;
  }
  ++backends_;
  return BackendPlace(*this);
}

void Admission::set_short_of_memory(bool is_short) {
  const Lock lock(mutex_);
  is_short_of_memory_ = is_short;
}

bool Admission::is_short_of_memory() const {
  const Lock lock(mutex_);
  return is_short_of_memory_;
}

bool Admission::is_under_stress(const LimitSettings& limits) {
  const Lock lock(mutex_);
  const std::uint64_t room = room_of(Rank::Stranger, limits);
  const std::uint64_t fifths = is_stressed_ ? 3 : 4;
  is_stressed_ = std::uint64_t{total_} * 5 >= room * fifths;
  return is_stressed_ || is_short_of_memory_;
}

std::uint32_t Admission::total() const {
  const Lock lock(mutex_);
  return total_;
}

std::uint32_t Admission::backends() const {
  const Lock lock(mutex_);
  return backends_;
}

std::size_t Admission::counters() const {
  const Lock lock(mutex_);
  return addresses_.size() + networks_.size();
}

void Admission::leave(const IpAddress& client) {
  const IpAddress network = network_of(client);
  const Lock lock(mutex_);
  --total_;
  decrease(networks_, network);
  decrease(addresses_, client);
}

void Admission::leave_backend() {
  const Lock lock(mutex_);
  --backends_;
}

Admission::Ticket::~Ticket() {
  if (admission_ != nullptr) {
    admission_->leave(client_);
  }
}

Admission::BackendPlace::~BackendPlace() {
  if (admission_ != nullptr) {
    admission_->leave_backend();
  }
}

}  // namespace smtpguard::session
