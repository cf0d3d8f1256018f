// HandshakeMemory — whose TLS handshake failed lately: many senders try again in plaintext only if
// STARTTLS is not offered to them.
// Owns: at most kMost addresses; the oldest goes first.   Called by: Session; one per worker.
// Fails: never. An ordered map: strangers choose the addresses, and could choose hash collisions.
#pragma once

#include <cstddef>
#include <deque>
#include <map>

#include "conf/base/clock.hpp"
#include "conf/base/ip_address.hpp"

namespace smtpguard::session {

class HandshakeMemory {
 public:
  static constexpr std::size_t kMost = 10'000;

  // IPv6: the whole /64.
  void remember(const IpAddress& client, TimePoint until);
  bool knows(const IpAddress& client, TimePoint now) const;
  std::size_t size() const { return until_.size(); }

 private:
  std::map<IpAddress, TimePoint> until_;
  std::deque<IpAddress> order_;  // of those in until_, as they came
};

}  // namespace smtpguard::session
