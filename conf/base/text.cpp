#include "conf/base/text.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace smtpguard {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 5> kTimeUnits{{
    {"ms", 1},
    {"s", 1000},
    {"m", 60'000},
    {"h", 3'600'000},
    {"d", 86'400'000},
}};

constexpr std::array<Unit, 7> kByteUnits{{
    {"", 1},
    {"KB", 1000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"KiB", 1ULL << 10U},
    {"MiB", 1ULL << 20U},
    {"GiB", 1ULL << 30U},
}};

std::optional<std::uint64_t> parse_with_unit(std::string_view text, const Unit* begin,
                                             const Unit* end, std::uint64_t limit) {
  const auto digits_end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto digits = static_cast<std::size_t>(digits_end - text.begin());
  const auto number = parse_number(text.substr(0, digits));
  const auto* unit = std::find_if(
      begin, end, [&](const Unit& known) { return known.name == text.substr(digits); });
  if (!number || unit == end || *number > limit / unit->factor) {
    return std::nullopt;
  }
  return *number * unit->factor;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
  return out;
}

std::string to_upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), ascii_upper);
  return out;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.empty()) {
    return std::nullopt;
  }
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t number = 0;
  for (const char c : text) {
    if (!is_digit(c)) {
      return std::nullopt;
    }
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number > (kMost - digit) / 10) {
      return std::nullopt;
    }
    number = number * 10 + digit;
  }
  return number;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const bool has_leading_zero = text.size() > 1 && text.front() == '0';
  const auto number = parse_number(text);
  if (has_leading_zero || !number || *number > std::numeric_limits<std::uint16_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(*number);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  using Count = std::chrono::milliseconds::rep;
  // A hundred years: far from any overflow of a deadline, which is counted in nanoseconds.
  constexpr std::uint64_t kMost = 36500ULL * 86400 * 1000;
  const auto count = parse_with_unit(text, kTimeUnits.begin(), kTimeUnits.end(), kMost);
  if (!count) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<Count>(*count));
}

std::optional<ByteCount> parse_byte_count(std::string_view text) {
  const auto count = parse_with_unit(text, kByteUnits.begin(), kByteUnits.end(),
                                     std::numeric_limits<std::uint64_t>::max());
  if (!count) {
    return std::nullopt;
  }
  return ByteCount{*count};
}

std::string format_duration(std::chrono::milliseconds duration) {
  const auto count = duration.count();
  if (count < 0) {
    return '-' + format_duration(-duration);
  }
  if (count > 0 && count < 1000) {
    return std::to_string(count) + "ms";
  }
  if (count < 60'000) {
    const auto tenths = count % 1000 / 100;
    return std::to_string(count / 1000) + (tenths > 0 ? '.' + std::to_string(tenths) : "") + 's';
  }
  // The two largest units tell enough: "1m30s", "2h5m", "3d".
  std::string out;
  auto rest = static_cast<std::uint64_t>(count);
  int shown = 0;
  for (auto unit = kTimeUnits.rbegin(); unit != kTimeUnits.rend() && shown < 2; ++unit) {
    const std::uint64_t whole = rest / unit->factor;
    rest %= unit->factor;
    if (whole > 0) {
      out += std::to_string(whole) + std::string(unit->name);
    }
    shown += whole > 0 || shown > 0 ? 1 : 0;
  }
  return out;
}

bool is_host_name(std::string_view text) {
  if (text.size() > 253) {
    return false;
  }
  while (true) {
    const auto dot = text.find('.');
    if (!is_label(text.substr(0, dot))) {
      return false;
    }
    if (dot == std::string_view::npos) {
      return true;
    }
    text.remove_prefix(dot + 1);
  }
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Two rows before the current one, for a swap of neighbours.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace smtpguard
