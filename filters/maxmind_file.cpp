#include "filters/maxmind_file.hpp"

#include <algorithm>
#include <utility>

#include "conf/base/text.hpp"

namespace smtpguard::filters {
namespace {

constexpr std::string_view kMark = "\xab\xcd\xefMaxMind.com";
constexpr std::size_t kMetadataLimit = 128 * 1024;
constexpr std::size_t kSeparator = 16;  // zeros between tree and data
constexpr int kDeepest = 8;
constexpr std::size_t kMostSteps = 2000;  // of one record
constexpr std::size_t kLongestName = 200;

enum class Type : unsigned char {
  Pointer = 1,
  Text = 2,
  Double = 3,
  Bytes = 4,
  Uint16 = 5,
  Uint32 = 6,
  Map = 7,
  Int32 = 8,
  Uint64 = 9,
  Uint128 = 10,
  Array = 11,
  Boolean = 14,
  Float = 15,
};

struct Value {
  Type type = Type::Map;
  std::size_t size = 0;   // octets, members of a map, elements of an array; a pointer's offset
  std::size_t begin = 0;  // of what follows
};

// The data section, or the metadata: values one behind the other.
class Data {
 public:
  explicit Data(std::string_view bytes) : bytes_(bytes) {}

  std::string_view text(const Value& value) const {
    return value.type == Type::Text ? bytes_.substr(value.begin, value.size) : std::string_view();
  }
  std::optional<std::uint64_t> number(const Value& value) const {
    const bool is_number =
        value.type == Type::Uint16 || value.type == Type::Uint32 || value.type == Type::Uint64;
    return is_number && value.size <= 8 ? std::optional(big_endian(value.begin, value.size))
                                        : std::nullopt;
  }

  // The value that begins at `at`, through a pointer if it is one.
  std::optional<Value> value_at(std::size_t at) const {
    auto value = header_at(at);
    if (value && value->type == Type::Pointer) {
      value = header_at(value->size);
      if (value && value->type == Type::Pointer) {
        return {};
      }
    }
    return value;
  }

  // Calls with_member(name, value) for each member of the map at `at`; false: it is none.
  template <typename WithMember>
  bool for_each_member(std::size_t at, const WithMember& with_member) const {
    const auto map = value_at(at);
    if (!map || map->type != Type::Map) {
      return false;
    }
    std::size_t steps = 0;
    std::size_t next = map->begin;
    for (std::size_t i = 0; i < map->size; ++i) {
      const auto name = value_at(next);
      const auto value_begin = end_of(next, 0, steps);
      const auto value = value_begin ? value_at(*value_begin) : std::nullopt;
      const auto end = value ? end_of(*value_begin, 0, steps) : std::nullopt;
      if (!name || name->type != Type::Text || !end) {
        return false;
      }
      with_member(text(*name), *value);
      next = *end;
    }
    return true;
  }

 private:
  std::optional<unsigned> octet(std::size_t at) const {
    return at < bytes_.size() ? std::optional<unsigned>(static_cast<unsigned char>(bytes_[at]))
                              : std::nullopt;
  }

  std::uint64_t big_endian(std::size_t at, std::size_t count) const {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < count; ++i) {
      number = number << 8U | static_cast<unsigned char>(bytes_[at + i]);
    }
    return number;
  }

  bool has(std::size_t at, std::size_t count) const {
    return at <= bytes_.size() && count <= bytes_.size() - at;
  }

  // Control octet, type of the second kind, size; all of it, and the octets of the value, are
  // there.
  std::optional<Value> header_at(std::size_t at) const {
    const auto control = octet(at++);
    if (!control) {
      return {};
    }
    unsigned type = *control >> 5U;
    if (type == static_cast<unsigned>(Type::Pointer)) {
      return pointer(*control, at);
    }
    if (type == 0) {
      const auto extended = octet(at++);
      if (!extended || *extended > 8) {
        return {};
      }
      type = 7 + *extended;
    }
    Value value{static_cast<Type>(type), *control & 0x1FU, at};
    if (value.size >= 29) {
      const std::size_t more = value.size - 28;
      if (!has(at, more)) {
        return {};
      }
      constexpr std::size_t kBase[] = {29, 285, 65821};
      value.size = kBase[more - 1] + static_cast<std::size_t>(big_endian(at, more));
      value.begin += more;
    }
    return has_octets_of(value) ? std::optional(value) : std::nullopt;
  }

  std::optional<Value> pointer(unsigned control, std::size_t at) const {
    const std::size_t count = 1 + (control >> 3U & 3U);
    if (!has(at, count)) {
      return {};
    }
    const std::uint64_t high = count == 4 ? 0 : control & 7U;
    constexpr std::uint64_t kBase[] = {0, 2048, 526336, 0};
    const std::uint64_t target = (high << (8 * count) | big_endian(at, count)) + kBase[count - 1];
    return Value{Type::Pointer, static_cast<std::size_t>(target), at + count};
  }

  static std::size_t octets_of(const Value& value) {
    switch (value.type) {
      case Type::Pointer:
      case Type::Map:
      case Type::Array:
      case Type::Boolean:
        return 0;
      default:
        return value.size;
    }
  }

  bool has_octets_of(const Value& value) const { return has(value.begin, octets_of(value)); }

  // Behind the value that begins at `at`.
  std::optional<std::size_t> end_of(std::size_t at, int depth, std::size_t& steps) const {
    const auto value = header_at(at);
    if (!value || depth > kDeepest || ++steps > kMostSteps) {
      return {};
    }
    const bool is_map = value->type == Type::Map;
    if (!is_map && value->type != Type::Array) {
      return value->begin + octets_of(*value);
    }
    std::size_t next = value->begin;
    for (std::size_t i = 0; i < value->size * (is_map ? 2 : 1); ++i) {
      const auto end = end_of(next, depth + 1, steps);
      if (!end) {
        return {};
      }
      next = *end;
    }
    return next;
  }

  std::string_view bytes_;
};

// "AS64500" or "64500"
std::uint32_t number_in(std::string_view text) {
  if (starts_with_ignoring_case(text, "as")) {
    text.remove_prefix(2);
  }
  const auto number = parse_number(text);
  return number && *number <= 0xFFFFFFFF ? static_cast<std::uint32_t>(*number) : 0;
}

bool bit_of(const IpAddress& address, int bit) {
  const auto byte = address.bytes()[static_cast<std::size_t>(bit / 8)];
  return (byte >> (7 - bit % 8) & 1) != 0;
}

}  // namespace

Result<MaxMindFile> MaxMindFile::open(std::string bytes) {
  const std::size_t from = bytes.size() - std::min(bytes.size(), kMetadataLimit);
  const auto mark = bytes.rfind(kMark);
  if (mark == std::string::npos || mark < from) {
    return Error{"is no database in MaxMind's format (.mmdb)"};
  }
  MaxMindFile file;
  std::uint64_t nodes = 0;
  std::uint64_t bits = 0;
  std::uint64_t version = 0;
  std::uint64_t major = 0;
  const Data metadata(std::string_view(bytes).substr(mark + kMark.size()));
  const bool is_read = metadata.for_each_member(0, [&](std::string_view name, const Value& value) {
    const std::uint64_t number = metadata.number(value).value_or(0);
    if (name == "node_count") {
      nodes = number;
    } else if (name == "record_size") {
      bits = number;
    } else if (name == "ip_version") {
      version = number;
    } else if (name == "binary_format_major_version") {
      major = number;
    } else if (name == "database_type") {
      file.type_ = metadata.text(value);
    }
  });
  const bool is_known = (bits == 24 || bits == 28 || bits == 32) && (version == 4 || version == 6);
  if (!is_read || major != 2 || !is_known || nodes == 0 || nodes > 0xFFFFFFFF) {
    return Error{"is damaged, or its format is newer than version 2"};
  }
  const std::uint64_t tree = nodes * bits / 4;
  if (tree + kSeparator > mark) {
    return Error{"is damaged: its tree does not fit into it"};
  }
  file.nodes_ = static_cast<std::uint32_t>(nodes);
  file.record_bits_ = static_cast<std::uint32_t>(bits);
  file.has_ipv6_ = version == 6;
  file.data_begin_ = static_cast<std::size_t>(tree) + kSeparator;
  file.data_end_ = mark;
  file.bytes_ = std::move(bytes);
  return file;
}

std::uint32_t MaxMindFile::record(std::uint32_t node, bool is_right) const {
  const std::size_t begin = static_cast<std::size_t>(node) * (record_bits_ / 4);
  const auto at = [&](std::size_t index) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes_[begin + index]));
  };
  const std::size_t first = is_right ? record_bits_ == 28 ? 4 : record_bits_ / 8 : 0;
  const std::uint32_t low = at(first) << 16U | at(first + 1) << 8U | at(first + 2);
  switch (record_bits_) {
    case 24:
      return low;
    case 28:  // the middle octet has the highest bits of both
      return (is_right ? at(3) & 0x0FU : at(3) >> 4U) << 24U | low;
    default:
      return low << 8U | at(first + 3);
  }
}

std::optional<MaxMindFile::Found> MaxMindFile::find(const IpAddress& address) const {
  if (address.is_v6() && !has_ipv6_) {
    return {};
  }
  std::uint32_t node = 0;
  // IPv4 addresses are ::a.b.c.d in a tree of IPv6 networks.
  for (int bit = 0; address.is_v4() && has_ipv6_ && bit < 96 && node < nodes_; ++bit) {
    node = record(node, false);
  }
  int length = 0;
  while (node < nodes_ && length < address.bit_length()) {
    node = record(node, bit_of(address, length));
    ++length;
  }
  if (node <= nodes_) {
    return {};
  }
  const std::size_t offset = node - nodes_;
  if (offset < kSeparator) {
    return {};
  }
  const Data data(std::string_view(bytes_).substr(data_begin_, data_end_ - data_begin_));
  Found found;
  found.network = {address.prefix(length), length};
  const bool is_read =
      data.for_each_member(offset - kSeparator, [&](std::string_view name, const Value& value) {
        const std::string_view text = data.text(value);
        if (name == "autonomous_system_number" || name == "asn") {
          found.number = text.empty() ? static_cast<std::uint32_t>(data.number(value).value_or(0))
                                      : number_in(text);
        } else if (name == "autonomous_system_organization" || name == "as_name") {
          found.name = text.substr(0, kLongestName);
        }
      });
  return is_read && found.number != 0 ? std::optional(std::move(found)) : std::nullopt;
}

}  // namespace smtpguard::filters
