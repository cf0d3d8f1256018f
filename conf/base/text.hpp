// Text — the few ASCII operations that a protocol needs, independent of any locale.
// Owns: nothing.   Called by: every room.   Fails: never; parse_* return nothing for bad text.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace smtpguard {

// A count of octets; its own type so that it is never mixed up with other numbers.
enum class ByteCount : std::uint64_t {};
constexpr std::uint64_t to_number(ByteCount count) {
  return static_cast<std::uint64_t>(count);
}

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr char ascii_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alpha(char c) {
  return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}
constexpr bool is_alnum(char c) {
  return is_digit(c) || is_alpha(c);
}

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);
bool starts_with_ignoring_case(std::string_view text, std::string_view prefix);
// Without leading and trailing blanks (space, tab).
std::string_view trim(std::string_view text);

// Decimal digits only: no sign, no space, no overflow.
std::optional<std::uint64_t> parse_number(std::string_view text);
// 0 to 65535, without leading zeros.
std::optional<std::uint16_t> parse_port(std::string_view text);
// "500ms", "6s", "5m", "2h", "30d"; a whole number and one unit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// "512", "64KB", "50MB", "1GB"; units are powers of 1000, "KiB", "MiB", "GiB" of 1024.
std::optional<ByteCount> parse_byte_count(std::string_view text);
// "1.2s", "340ms", "5m": short, for people.
std::string format_duration(std::chrono::milliseconds duration);

// A host name of RFC 1123 letters, digits, hyphens (and underscores, which senders use) in labels
// of 1 to 63, 253 in all; a trailing dot is not accepted.
bool is_host_name(std::string_view text);

// Damerau-Levenshtein distance, for "did you mean"; bounded use on short words only.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace smtpguard
