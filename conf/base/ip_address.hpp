// IpAddress, Endpoint — a client's or server's address as a value of 17 and 20 bytes.
// Owns: nothing.   Called by: every room.
// Fails: parse() returns nothing for text that is not exactly one address.
// IPv4-mapped IPv6 (::ffff:a.b.c.d) is turned into IPv4 on the way in, so that one client has one
// form for counting, access lists and logs. Zone ids (%eth0) are refused.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace smtpguard {

class IpAddress {
 public:
  enum class Family : std::uint8_t { V4, V6 };

  // 0.0.0.0
  constexpr IpAddress() = default;

  static IpAddress v4(std::array<std::uint8_t, 4> bytes);
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);
  // "192.0.2.1" (four decimal parts, no leading zeros) or RFC 4291 text; no brackets.
  static std::optional<IpAddress> parse(std::string_view text);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::V4; }
  bool is_v6() const { return family_ == Family::V6; }
  bool is_loopback() const;
  bool is_unspecified() const;
  // The first 4 bytes of an IPv4 address, all 16 of an IPv6 address.
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  // 32 or 128
  int bit_length() const { return is_v4() ? 32 : 128; }
  // The address with all but the first `length` bits cleared; `length` is clamped to bit_length().
  IpAddress prefix(int length) const;

  // RFC 5952 for IPv6.
  std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  Family family_ = Family::V4;
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  // "192.0.2.1:25" or "[2001:db8::1]:25"; the port is required.
  static std::optional<Endpoint> parse(std::string_view text);
  std::string to_string() const;

  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace smtpguard

template <>
struct std::hash<smtpguard::IpAddress> {
  // Not keyed: tables that hold what strangers choose mix in a seed of their own.
  std::size_t operator()(const smtpguard::IpAddress& address) const noexcept;
};
