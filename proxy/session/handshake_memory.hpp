// HandshakeMemory — whose TLS handshake failed lately: many senders try again in plaintext only if
// STARTTLS is not offered to them. A broken line tells nothing of that: it counts the second time.
// Owns: at most kMost addresses; the oldest goes first.   Called by: Session; any thread, one
// per process. Fails: never. An ordered map: strangers choose the addresses, and could choose hash
// collisions.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>

#include "conf/base/clock.hpp"
#include "conf/base/ip_address.hpp"

namespace smtpguard::session {

class HandshakeMemory {
 public:
  static constexpr std::size_t kMost = 10'000;

  enum class Failure : bool {
    Cut,      // the connection ended, or took too long
    Refused,  // an alert, or what is no TLS
  };

  // IPv6: the whole /64. Nothing is remembered beyond `until`.
  void on_failure(const IpAddress& client, Failure failure, TimePoint now, TimePoint until);
  void on_success(const IpAddress& client);
  // With other certificates it may succeed.
  void forget_all();
  // STARTTLS is not to be offered to it.
  bool knows(const IpAddress& client, TimePoint now) const;
  std::size_t size() const;

 private:
  struct Entry {
    TimePoint until;
    bool is_certain = false;
  };
  mutable std::mutex mutex_;  // of what follows
  std::map<IpAddress, Entry> entries_;
  std::deque<IpAddress> order_;  // of entries_, as they came
};

}  // namespace smtpguard::session
