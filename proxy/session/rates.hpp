// Rates — how much a client does in a minute: connections, messages, recipients, by token buckets
// of its address and of its network (IPv4 /24, IPv6 /64). Owns: the buckets, at most kMost of each
// kind.   Called by: Lobby, Session; any thread, one per process.   Fails: never; when all buckets
// are in use, whoever is new is not counted.
// A bucket holds what a minute allows and fills evenly. Of 0 nothing is counted.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "conf/base/clock.hpp"
#include "conf/base/ip_address.hpp"

namespace smtpguard::session {

class Rates {
 public:
  enum class What : std::uint8_t { Connections, Messages, Recipients };
  static constexpr std::size_t kMost = 50'000;
  // So much more than one of its addresses may a network do.
  static constexpr std::uint32_t kNetworkFactor = 4;

  Rates();

  // Takes one. What is too much, in words, with the time to wait; nothing: it is not.
  std::optional<std::string> take(What what, const IpAddress& client, std::uint32_t per_minute,
                                  TimePoint now);
  // For tests of the bound.
  std::size_t buckets(What what) const;

 private:
  struct Bucket {
    double level = 0;
    TimePoint filled{};
  };
  struct SeededHash {
    std::size_t seed;
    std::size_t operator()(const IpAddress& address) const noexcept;
  };
  using Buckets = std::unordered_map<IpAddress, Bucket, SeededHash>;
  struct Kind {
    Buckets addresses;
    Buckets networks;
    TimePoint swept{};
  };

  // Seconds to wait for one; 0: it was taken.
  static double take_one(Kind& kind, Buckets& buckets, const IpAddress& whose, double per_minute,
                         TimePoint now);
  static void sweep(Kind& kind, TimePoint now);

  mutable std::mutex mutex_;  // of what follows
  std::array<Kind, 3> kinds_;
};

std::string_view to_string(Rates::What what);

}  // namespace smtpguard::session
