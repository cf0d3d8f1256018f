// MaxMindDatabase — a writer of MaxMind's format (.mmdb), for tests of what reads it.
// Owns: a string.   Called by: tests of filters/.   Fails: never; names have at most 28 octets.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/cidr.hpp"

namespace smtpguard::test {

struct SystemOfNetwork {
  const char* network;
  std::uint32_t number;
  std::string_view name;
};

inline std::string in_octets(std::uint64_t value, int count) {
  std::string out;
  for (int i = count; i-- > 0;) {
    out += static_cast<char>(value >> (8 * i) & 0xFFU);
  }
  return out;
}
inline std::string text_value(std::string_view text) {
  return static_cast<char>(0x40U | text.size()) + std::string(text);
}
inline std::string number_value(std::uint64_t number) {
  return static_cast<char>(0xC0U | 4U) + in_octets(number, 4);
}

// Of nested networks the wider one stands first.
inline std::string maxmind_database(const std::vector<SystemOfNetwork>& systems,
                                    int record_size = 24, bool has_ipv6 = true) {
  constexpr std::uint32_t kNothing = 0xFFFFFFFF;
  constexpr std::uint32_t kData = 0x80000000;  // and an offset
  std::vector<std::array<std::uint32_t, 2>> nodes{{kNothing, kNothing}};
  std::string data;
  for (const SystemOfNetwork& system : systems) {
    const Cidr network = Cidr::parse(system.network).value();
    const int skipped = network.network.is_v4() && has_ipv6 ? 96 : 0;
    std::uint32_t at = 0;
    for (int i = 0; i < skipped + network.length; ++i) {
      const int bit = i - skipped;
      std::size_t side = 0;
      if (bit >= 0) {
        const std::size_t octet = network.network.bytes()[static_cast<std::size_t>(bit / 8)];
        side = octet >> static_cast<unsigned>(7 - bit % 8) & 1U;
      }
      if (i + 1 == skipped + network.length) {
        nodes[at][side] = kData | static_cast<std::uint32_t>(data.size());
      } else {
        if ((nodes[at][side] & kData) != 0) {
          const std::uint32_t wider = nodes[at][side];
          nodes[at][side] = static_cast<std::uint32_t>(nodes.size());
          nodes.push_back({wider, wider});
        }
        at = nodes[at][side];
      }
    }
    data += static_cast<char>(0xE2);
    data += text_value("autonomous_system_number") + number_value(system.number);
    data += static_cast<char>(0x40 | 29);
    data += static_cast<char>(1);
    data += "autonomous_system_organization" + text_value(system.name);
  }
  const auto count = static_cast<std::uint32_t>(nodes.size());
  const auto record = [&](std::uint32_t value) {
    return value == kNothing ? count : (value & kData) != 0 ? (value & ~kData) + count + 16 : value;
  };
  std::string out;
  for (const auto& [left, right] : nodes) {
    if (record_size == 28) {
      out += in_octets(record(left), 3) +
             static_cast<char>((record(left) >> 24U) << 4U | record(right) >> 24U) +
             in_octets(record(right), 3);
    } else {
      out += in_octets(record(left), record_size / 8) + in_octets(record(right), record_size / 8);
    }
  }
  out += std::string(16, '\0') + data + "\xab\xcd\xefMaxMind.com";
  out += static_cast<char>(0xE5);
  out += text_value("node_count") + number_value(count);
  out += text_value("record_size") + number_value(static_cast<std::uint64_t>(record_size));
  out += text_value("ip_version") + number_value(has_ipv6 ? 6 : 4);
  out += static_cast<char>(0x40 | 27);
  out += "binary_format_major_version" + number_value(2);
  out += text_value("database_type") + text_value("Test-ASN");
  return out;
}

}  // namespace smtpguard::test
