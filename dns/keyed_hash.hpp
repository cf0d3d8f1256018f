// KeyedHash — SipHash-2-4: a hash whose collisions nobody can choose without the key.
// Owns: the key.   Called by: CachingResolver, whose keys strangers choose (names in HELO and
// MAIL, their own reverse zones).   Fails: never; random() throws when the system has no entropy,
// which is a matter of the start.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace smtpguard::dns {

class KeyedHash {
 public:
  using Key = std::array<std::uint64_t, 2>;

  explicit KeyedHash(Key key) : key_(key) {}
  static KeyedHash random();

  std::uint64_t operator()(std::string_view bytes) const noexcept;

 private:
  Key key_;
};

}  // namespace smtpguard::dns
