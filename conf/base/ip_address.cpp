#include "conf/base/ip_address.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "conf/base/text.hpp"

namespace smtpguard {
namespace {

constexpr std::size_t kLongestAddress = 45;  // INET6_ADDRSTRLEN without its NUL
constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_address_character(char c) {
  const char lower = ascii_lower(c);
  return is_digit(c) || (lower >= 'a' && lower <= 'f') || c == ':' || c == '.';
}

void append_hex(std::string& out, unsigned group) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  bool started = false;
  for (int shift = 12; shift >= 0; shift -= 4) {
    const unsigned digit = (group >> shift) & 0xfU;
    if (digit != 0 || started || shift == 0) {
      out += kDigits[digit];
      started = true;
    }
  }
}

// inet_ntop() writes ::192.0.2.1 for ::c000:201 on some systems and not on others; log lines and
// reports should not depend on the system.
std::string v6_to_string(const std::array<std::uint8_t, 16>& bytes) {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i] = (static_cast<unsigned>(bytes[2 * i]) << 8U) | bytes[2 * i + 1];
  }
  // RFC 5952 4.2: the longest run of at least two zero groups, the first of equals, becomes "::".
  std::size_t run_begin = 0;
  std::size_t run_length = 0;
  for (std::size_t begin = 0; begin < groups.size();) {
    std::size_t end = begin;
    while (end < groups.size() && groups[end] == 0) {
      ++end;
    }
    if (end - begin >= 2 && end - begin > run_length) {
      run_begin = begin;
      run_length = end - begin;
    }
    begin = std::max(end, begin + 1);
  }
  std::string out;
  out.reserve(kLongestAddress);
  for (std::size_t i = 0; i < groups.size();) {
    if (run_length > 0 && i == run_begin) {
      out += "::";
      i += run_length;
      continue;
    }
    if (!out.empty() && out.back() != ':') {
      out += ':';
    }
    append_hex(out, groups[i]);
    ++i;
  }
  return out;
}

}  // namespace

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) {
    return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  }
  IpAddress address;
  address.bytes_ = bytes;
  address.family_ = Family::V6;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.empty() || text.size() > kLongestAddress ||
      !std::all_of(text.begin(), text.end(), is_address_character)) {
    return std::nullopt;
  }
  std::array<char, kLongestAddress + 1> buffer{};
  std::copy(text.begin(), text.end(), buffer.begin());
  if (text.find(':') != std::string_view::npos) {
    std::array<std::uint8_t, 16> bytes{};
    if (inet_pton(AF_INET6, buffer.data(), bytes.data()) != 1) {
      return std::nullopt;
    }
    return v6(bytes);
  }
  std::array<std::uint8_t, 4> bytes{};
  if (inet_pton(AF_INET, buffer.data(), bytes.data()) != 1) {
    return std::nullopt;
  }
  return v4(bytes);
}

bool IpAddress::is_loopback() const {
  if (is_v4()) {
    return bytes_[0] == 127;
  }
  return bytes_.back() == 1 &&
         std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto byte) { return byte == 0; });
}

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](auto byte) { return byte == 0; });
}

IpAddress IpAddress::prefix(int length) const {
  const int kept = std::clamp(length, 0, bit_length());
  IpAddress result = *this;
  for (int i = 0; i < bit_length() / 8; ++i) {
    const int bits = std::clamp(kept - 8 * i, 0, 8);
    auto& byte = result.bytes_[static_cast<std::size_t>(i)];
    byte = static_cast<std::uint8_t>(byte & (0xff00U >> static_cast<unsigned>(bits)));
  }
  return result;
}

std::string IpAddress::to_string() const {
  if (is_v6()) {
    return v6_to_string(bytes_);
  }
  std::string out;
  out.reserve(15);
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) {
      out += '.';
    }
    out += std::to_string(bytes_[i]);
  }
  return out;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return std::nullopt;
  }
  std::string_view host = text.substr(0, colon);
  const auto port = parse_port(text.substr(colon + 1));
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) {
    host = host.substr(1, host.size() - 2);
  }
  // Brackets belong to IPv6 and only to it: without them "2001:db8::1:25" has two readings.
  const bool has_colon = host.find(':') != std::string_view::npos;
  const auto address = IpAddress::parse(host);
  if (!port || !address || has_colon != in_brackets) {
    return std::nullopt;
  }
  return Endpoint{*address, *port};
}

std::string Endpoint::to_string() const {
  const std::string host = address.to_string();
  return (address.is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

}  // namespace smtpguard

std::size_t std::hash<smtpguard::IpAddress>::operator()(
    const smtpguard::IpAddress& address) const noexcept {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, address.bytes().data(), sizeof high);
  std::memcpy(&low, address.bytes().data() + sizeof high, sizeof low);
  // The finaliser of splitmix64, once for each half: neighbours in a network end far apart.
  const auto mix = [](std::uint64_t x) {
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31U);
  };
  const std::uint64_t family = address.is_v6() ? 0x9e3779b97f4a7c15ULL : 0;
  return static_cast<std::size_t>(mix(mix(high + family) ^ low));
}
