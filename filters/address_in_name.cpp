#include "filters/address_in_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "conf/base/text.hpp"
#include "filters/name_runs.hpp"

namespace smtpguard::filters {
namespace {

bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}

template <typename Number>
bool holds_run(const std::vector<Number>& numbers, const std::vector<Number>& run) {
  return std::search(numbers.begin(), numbers.end(), run.begin(), run.end()) != numbers.end();
}

std::string joined(const std::vector<std::string_view>& runs) {
  return fmt::format("{}", fmt::join(runs, ""));
}

// Three octets that follow each other, in the order of the address or backwards; all of them in
// one run of digits, or in hexadecimal digits, whatever stands between these.
bool holds_v4(std::string_view host, const IpAddress& address) {
  std::vector<std::uint64_t> octets(address.bytes().begin(), address.bytes().begin() + 4);
  std::vector<std::uint64_t> numbers;
  for (const std::string_view run : runs_of(host, is_digit)) {
    numbers.push_back(parse_number(run.substr(0, 18)).value_or(0));
  }
  const std::string nibbles = joined(runs_of(host, is_hex_digit));
  // Fewer digits meet by chance.
  constexpr std::size_t kEnoughDigits = 8;
  for (int turn = 0; turn < 2; ++turn) {
    const std::string padded =
        fmt::format("{:03}{:03}{:03}{:03}", octets[0], octets[1], octets[2], octets[3]);
    const std::string unpadded =
        fmt::format("{}{}{}{}", octets[0], octets[1], octets[2], octets[3]);
    const std::string hex =
        fmt::format("{:02x}{:02x}{:02x}{:02x}", octets[0], octets[1], octets[2], octets[3]);
    if (holds_run(numbers, {octets[0], octets[1], octets[2]}) ||
        holds_run(numbers, {octets[1], octets[2], octets[3]}) ||
        host.find(padded) != std::string_view::npos || nibbles.find(hex) != std::string::npos ||
        (unpadded.size() >= kEnoughDigits && host.find(unpadded) != std::string_view::npos)) {
      return true;
    }
    std::reverse(octets.begin(), octets.end());
  }
  return false;
}

// Four groups that follow each other, or half of the nibbles in one piece, forwards or backwards.
bool holds_v6(std::string_view host, const IpAddress& address) {
  std::vector<std::uint32_t> groups;
  std::string nibbles;
  for (std::size_t i = 0; i < 16; i += 2) {
    groups.push_back(address.bytes()[i] * 256U + address.bytes()[i + 1]);
    nibbles += fmt::format("{:04x}", groups.back());
  }
  std::vector<std::uint32_t> numbers;
  std::string flat;
  for (const std::string_view run : runs_of(host, is_hex_digit)) {
    std::uint32_t number = 0;
    for (const char c : run.substr(0, 4)) {
      number = number * 16U + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    numbers.push_back(run.size() <= 4 ? number : 0x10000U);
    flat += run;
  }
  for (std::size_t i = 0; i + 4 <= groups.size(); ++i) {
    const std::vector<std::uint32_t> four(groups.begin() + static_cast<std::ptrdiff_t>(i),
                                          groups.begin() + static_cast<std::ptrdiff_t>(i) + 4);
    const auto zeros = std::count(four.begin(), four.end(), 0U);
    if (zeros < 2 && holds_run(numbers, four)) {
      return true;
    }
  }
  for (int turn = 0; turn < 2; ++turn) {
    for (const std::size_t half : {0U, 16U}) {
      const std::string piece = nibbles.substr(half, 16);
      if (std::count(piece.begin(), piece.end(), '0') < 10 &&
          flat.find(piece) != std::string::npos) {
        return true;
      }
    }
    std::reverse(nibbles.begin(), nibbles.end());
  }
  return false;
}

}  // namespace

bool holds_address(std::string_view name, const IpAddress& address) {
  return address.is_v4() ? holds_v4(name, address) : holds_v6(name, address);
}

std::string quad_in(std::string_view name) {
  for (const std::string_view piece :
       runs_of(name, [](char c) { return is_digit(c) || c == '-' || c == '.' || c == '_'; })) {
    const std::vector<std::string_view> numbers = runs_of(piece, is_digit);
    const bool is_quad = numbers.size() == 4 &&
                         std::all_of(numbers.begin(), numbers.end(), [](std::string_view number) {
                           return number.size() <= 3 && parse_number(number).value_or(256) < 256;
                         });
    if (is_quad) {
      return fmt::format("{}", fmt::join(numbers, "-"));
    }
  }
  return {};
}

}  // namespace smtpguard::filters
