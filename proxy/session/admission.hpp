// Admission — how many connections there are: per address, per network (IPv4 /24, IPv6 /64), in
// total, and what they take of the process's descriptors. Owns: the counters; bounded by the total
// itself.   Called by: Lobby, Session, Backend; any thread, one per process.
// Fails: enter() returns the refusal in words; nothing is counted then.
// A client takes one descriptor, its backend another. Strangers are let in only while some are
// left for the known and for backends.
// IPv4-mapped addresses were made IPv4 before (IpAddress), so one client has one counter.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

#include "conf/base/ip_address.hpp"
#include "proxy/session/settings.hpp"

namespace smtpguard::session {

class Admission {
 public:
  // A place that was taken; given back when it dies. Must not outlive the Admission.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)), client_(other.client_) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(admission_, other.admission_);
      std::swap(client_, other.client_);
      return *this;
    }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket();

   private:
    friend class Admission;
    Ticket(Admission& admission, const IpAddress& client)
        : admission_(&admission), client_(client) {}

    Admission* admission_ = nullptr;
    IpAddress client_;
  };

  // Counts a connection to a backend; given back when it dies. Must not outlive the Admission.
  class BackendPlace {
   public:
    BackendPlace() = default;
    BackendPlace(BackendPlace&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)) {}
    BackendPlace& operator=(BackendPlace&& other) noexcept {
      std::swap(admission_, other.admission_);
      return *this;
    }
    BackendPlace(const BackendPlace&) = delete;
    BackendPlace& operator=(const BackendPlace&) = delete;
    ~BackendPlace();

   private:
    friend class Admission;
    explicit BackendPlace(Admission& admission) : admission_(&admission) {}

    Admission* admission_ = nullptr;
  };

  enum class Refusal : std::uint8_t { Total, Network, Address, Memory };
  // Known: of our own, allow-listed, or remembered as good.
  enum class Rank : std::uint8_t { Stranger, Known };

  Admission();
  std::variant<Ticket, Refusal> enter(const IpAddress& client, const LimitSettings& limits,
                                      Rank rank = Rank::Stranger);
  // Nothing: no descriptor is left for it, or there are `most` already (0: any number), of which
  // strangers leave a fifth to the known.
  std::optional<BackendPlace> enter_backend(const LimitSettings& limits, std::uint32_t most = 0,
                                            Rank rank = Rank::Known);
  // Strangers do not come in until this is over.
  void set_short_of_memory(bool is_short);
  bool is_short_of_memory() const;
  // From four fifths of what strangers may have, until it is under three fifths again; and while
  // memory is short.
  bool is_under_stress(const LimitSettings& limits);
  std::uint32_t total() const;
  std::uint32_t backends() const;
  // How many counters are kept; for tests of the bound.
  std::size_t counters() const;

 private:
  // Strangers choose their addresses: the hash is seeded, so that they cannot choose collisions.
  struct SeededHash {
    std::size_t seed;
    std::size_t operator()(const IpAddress& address) const noexcept;
  };
  using Counters = std::unordered_map<IpAddress, std::uint32_t, SeededHash>;

  using Lock = std::lock_guard<std::mutex>;

  void leave(const IpAddress& client);
  void leave_backend();
  // Under the lock.
  std::uint64_t room_of(Rank rank, const LimitSettings& limits) const;

  mutable std::mutex mutex_;  // of what follows
  std::uint32_t total_ = 0;
  std::uint32_t backends_ = 0;
  bool is_stressed_ = false;
  bool is_short_of_memory_ = false;
  Counters addresses_;
  Counters networks_;
};

// "too many connections from your address"
std::string_view to_string(Admission::Refusal refusal);
// IPv4 /24, IPv6 /64.
IpAddress network_of(const IpAddress& client);

}  // namespace smtpguard::session
