#include "dns/message.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <string_view>

#include "conf/base/text.hpp"

namespace smtpguard::dns {
namespace {

constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kMostNameOctets = 255;  // with the empty label at the end
constexpr std::uint16_t kInternet = 1;
constexpr std::uint16_t kCname = 5;
constexpr std::uint16_t kSoa = 6;

std::uint16_t code_of(RecordType type) {
  switch (type) {
    case RecordType::A:
      return 1;
    case RecordType::AAAA:
      return 28;
    case RecordType::PTR:
      return 12;
    case RecordType::MX:
      return 15;
    case RecordType::TXT:
      return 16;
  }
  return 0;
}

// A name as in a message, each label after its length, without the last, empty one; in lower case.
// Length octets are below 64, so lowering the case of all octets at once would not change them
// either, but a dot inside a label stays what it is: only this form compares without surprises.
using WireName = std::string;

std::optional<WireName> to_wire(std::string_view name) {
  if (name.ends_with('.')) {
    name.remove_suffix(1);
  }
  WireName wire;
  while (true) {
    const auto dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (label.empty() || label.size() > 63) {
      return std::nullopt;
    }
    wire += static_cast<char>(label.size());
    wire += to_lower(label);
    if (wire.size() + 1 > kMostNameOctets) {
      return std::nullopt;
    }
    if (dot == std::string_view::npos) {
      return wire;
    }
    name.remove_prefix(dot + 1);
  }
}

// The dotted text, if it is a host name that one may use. A label with a dot in it would look like
// two: it is refused with all other odd octets, before dots are put between labels.
std::optional<std::string> to_host(const WireName& wire) {
  std::string host;
  for (std::size_t at = 0; at < wire.size();) {
    const auto length = static_cast<std::size_t>(static_cast<unsigned char>(wire[at]));
    const std::string_view label = std::string_view(wire).substr(at + 1, length);
    if (label.find('.') != std::string_view::npos) {
      return std::nullopt;
    }
    host += host.empty() ? "" : ".";
    host += label;
    at += 1 + length;
  }
  return is_usable_host(host) ? std::optional(host) : std::nullopt;
}

// Reads forward; the first step outside the bytes, or against the format, sets is_broken() for good
// and all later reads give zeros.
class MessageReader {
 public:
  explicit MessageReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool is_broken() const { return is_broken_; }
  std::size_t position() const { return at_; }
  void seek(std::size_t position) { at_ = position; }

  std::uint8_t octet() {
    if (is_broken_ || at_ >= bytes_.size()) {
      is_broken_ = true;
      return 0;
    }
    return bytes_[at_++];
  }
  std::uint16_t number16() {
    const unsigned high = octet();
    return static_cast<std::uint16_t>((high << 8U) | octet());
  }
  std::uint32_t number32() {
    const std::uint32_t high = number16();
    return (high << 16U) | number16();
  }
  std::string_view octets(std::size_t count) {
    if (is_broken_ || bytes_.size() - at_ < count) {
      is_broken_ = true;
      return {};
    }
    const auto* const begin = reinterpret_cast<const char*>(bytes_.data()) + at_;
    at_ += count;
    return {begin, count};
  }
  WireName name();

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  bool is_broken_ = false;
};

WireName MessageReader::name() {
  WireName name;
  std::size_t lowest = at_;
  std::optional<std::size_t> behind;  // where reading goes on after the first pointer
  while (true) {
    const unsigned length = octet();
    if ((length & 0xC0U) == 0xC0U) {
      const std::size_t target = ((length & 0x3FU) << 8U) | octet();
      // Strictly backwards each time, and never into the header: so it ends.
      if (is_broken_ || target >= lowest || target < kHeaderSize) {
        is_broken_ = true;
        return {};
      }
      behind = behind.value_or(at_);
      lowest = target;
      at_ = target;
      continue;
    }
    // 01 and 10 were never given a meaning that lived.
    if ((length & 0xC0U) != 0) {
      is_broken_ = true;
    }
    if (is_broken_) {
      return {};
    }
    if (length == 0) {
      at_ = behind.value_or(at_);
      return name;
    }
    name += static_cast<char>(length);
    name += to_lower(octets(length));
    if (is_broken_ || name.size() + 1 > kMostNameOctets) {
      is_broken_ = true;
      return {};
    }
  }
}

struct RawRecord {
  WireName owner;
  std::uint16_t type = 0;
  bool is_internet = false;
  std::uint32_t ttl = 0;
  std::size_t data = 0;
  std::size_t length = 0;
};

RawRecord read_record(MessageReader& reader) {
  RawRecord record;
  record.owner = reader.name();
  record.type = reader.number16();
  record.is_internet = reader.number16() == kInternet;
  record.ttl = reader.number32();
  if (record.ttl > 0x7FFFFFFFU) {
    record.ttl = 0;  // RFC 2181 section 8
  }
  record.length = reader.number16();
  record.data = reader.position();
  reader.octets(record.length);
  return record;
}

template <std::size_t N>
std::array<std::uint8_t, N> read_address(MessageReader& reader) {
  std::array<std::uint8_t, N> bytes{};
  std::generate(bytes.begin(), bytes.end(), [&] { return reader.octet(); });
  return bytes;
}

std::string read_text(MessageReader& reader, std::size_t end) {
  std::string text;
  while (!reader.is_broken() && reader.position() < end) {
    text += reader.octets(reader.octet());
  }
  text.resize(std::min(text.size(), kMostTextKept));
  return text;
}

// Adds the record; false if its data are not what its type says.
bool add_record(MessageReader reader, const RawRecord& record, RecordType type, Records& records) {
  const std::size_t end = record.data + record.length;
  reader.seek(record.data);
  std::optional<std::string> host;
  switch (type) {
    case RecordType::A:
      records.addresses.push_back(IpAddress::v4(read_address<4>(reader)));
      break;
    case RecordType::AAAA:
      records.addresses.push_back(IpAddress::v6(read_address<16>(reader)));
      break;
    case RecordType::PTR:
      host = to_host(reader.name());
      if (host) {
        records.names.push_back(*std::move(host));
      } else {
        ++records.unusable;
      }
      break;
    case RecordType::MX: {
      const std::uint16_t preference = reader.number16();
      const WireName name = reader.name();
      host = name.empty() ? std::optional(std::string()) : to_host(name);
      if (host) {
        records.exchangers.push_back({preference, *std::move(host)});
      } else {
        ++records.unusable;
      }
      break;
    }
    case RecordType::TXT:
      records.texts.push_back(read_text(reader, end));
      break;
  }
  return !reader.is_broken() && reader.position() == end;
}

// RFC 2308 section 5: as long as the zone's SOA says, the smaller of its TTL and its last number.
std::optional<std::uint32_t> read_negative_ttl(MessageReader& reader, std::size_t count) {
  for (std::size_t i = 0; i < std::min(count, kMostRecordsRead); ++i) {
    const RawRecord record = read_record(reader);
    if (reader.is_broken()) {
      return std::nullopt;
    }
    if (record.type == kSoa && record.is_internet) {
      MessageReader data = reader;
      data.seek(record.data);
      data.name();
      data.name();
      data.octets(16);
      const std::uint32_t minimum = data.number32();
      if (data.is_broken() || data.position() != record.data + record.length) {
        return std::nullopt;
      }
      return std::min(record.ttl, minimum);
    }
  }
  return std::nullopt;
}

// Found or Malformed; NoData (without a TTL) if the chain ends without the wanted type.
Answer follow(const MessageReader& reader, const std::vector<RawRecord>& records, WireName owner,
              RecordType type) {
  Answer answer = without_records(Outcome::NoData);
  std::uint32_t ttl = std::numeric_limits<std::uint32_t>::max();
  for (std::size_t hops = 0; hops <= kMostAliases; ++hops) {
    const RawRecord* alias = nullptr;
    std::size_t kept = 0;
    for (const RawRecord& record : records) {
      if (!record.is_internet || record.owner != owner) {
        continue;
      }
      if (record.type == kCname) {
        alias = alias == nullptr ? &record : alias;
      } else if (record.type == code_of(type) && kept < kMostRecordsKept) {
        if (!add_record(reader, record, type, answer.records())) {
          return without_records(Outcome::Malformed);
        }
        ++kept;
        ttl = std::min(ttl, record.ttl);
      }
    }
    if (kept > 0) {
      answer.outcome = Outcome::Found;
      answer.ttl = std::chrono::seconds(ttl);
      return answer;
    }
    if (alias == nullptr) {
      return answer;
    }
    ttl = std::min(ttl, alias->ttl);
    MessageReader data = reader;
    data.seek(alias->data);
    owner = data.name();
    if (data.is_broken() || data.position() != alias->data + alias->length) {
      return without_records(Outcome::Malformed);
    }
  }
  return without_records(Outcome::Malformed);
}

void append16(Bytes& out, unsigned number) {
  out.push_back(static_cast<std::uint8_t>(number >> 8U));
  out.push_back(static_cast<std::uint8_t>(number & 0xFFU));
}

}  // namespace

std::optional<Bytes> write_query(const Question& question, std::uint16_t id) {
  const auto name = to_wire(question.name);
  if (!name) {
    return std::nullopt;
  }
  constexpr unsigned kRecursionDesired = 0x0100;
  Bytes out;
  out.reserve(kHeaderSize + name->size() + 5);
  for (const unsigned field : {unsigned{id}, kRecursionDesired, 1U, 0U, 0U, 0U}) {
    append16(out, field);
  }
  out.insert(out.end(), name->begin(), name->end());
  out.push_back(0);
  append16(out, code_of(question.type));
  append16(out, kInternet);
  return out;
}

Answer parse_answer(std::span<const std::uint8_t> message, const Question& question) {
  MessageReader reader(message);
  reader.number16();  // id
  const unsigned flags = reader.number16();
  const unsigned questions = reader.number16();
  const unsigned answers = reader.number16();
  const unsigned authorities = reader.number16();
  reader.number16();  // additional records
  const unsigned code = flags & 0x000FU;
  const bool is_truncated = (flags & 0x0200U) != 0;
  const bool is_standard_response = (flags & 0xF800U) == 0x8000U;
  const bool says_something = code == 0 || code == 3;
  // Some servers do not repeat the question when they complain; who answers must.
  if (reader.is_broken() || !is_standard_response || questions > 1 ||
      (says_something && (questions == 0 || is_truncated))) {
    return without_records(Outcome::Malformed);
  }
  const auto wanted = to_wire(question.name);
  if (questions == 1) {
    const WireName name = reader.name();
    const unsigned type = reader.number16();
    const unsigned klass = reader.number16();
    if (reader.is_broken() || name != wanted || type != code_of(question.type) ||
        klass != kInternet) {
      return without_records(Outcome::Malformed);
    }
  }
  if (!says_something) {
    return without_records(code == 5 ? Outcome::Refused : Outcome::ServerFailure);
  }
  std::vector<RawRecord> records;
  records.reserve(std::min<std::size_t>(answers, kMostRecordsRead));
  while (records.size() < std::min<std::size_t>(answers, kMostRecordsRead)) {
    records.push_back(read_record(reader));
    if (reader.is_broken()) {
      return without_records(Outcome::Malformed);
    }
  }
  Answer answer = without_records(Outcome::NoSuchName);
  if (code == 0) {
    answer = follow(reader, records, wanted.value(), question.type);
  }
  if (answer.outcome == Outcome::Found || answer.outcome == Outcome::Malformed) {
    return answer;
  }
  const auto ttl =
      answers <= kMostRecordsRead ? read_negative_ttl(reader, authorities) : std::nullopt;
  return reader.is_broken()
             ? without_records(Outcome::Malformed)
             : without_records(answer.outcome, std::chrono::seconds(ttl.value_or(0)));
}

}  // namespace smtpguard::dns
