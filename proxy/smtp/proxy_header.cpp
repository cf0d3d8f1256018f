#include "proxy/smtp/proxy_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "conf/base/text.hpp"

namespace smtpguard::smtp {
namespace {

constexpr std::string_view kV1Prefix = "PROXY ";
constexpr std::string_view kV2Signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kV2FixedPart = 16;
constexpr unsigned char kV2Local = 0x20;
constexpr unsigned char kV2Proxy = 0x21;
constexpr unsigned char kTcp4 = 0x11;
constexpr unsigned char kTcp6 = 0x21;
constexpr unsigned char kTlvAuthority = 0x02;
constexpr unsigned char kTlvUniqueId = 0x05;
constexpr unsigned char kTlvSsl = 0x20;
constexpr unsigned char kTlvSslVersion = 0x21;
constexpr unsigned char kTlvSslCipher = 0x23;
constexpr unsigned kClientSpeaksTls = 0x01;
constexpr std::size_t kUniqueIdLimit = 128;

ProxyParse bad(std::string error) {
  ProxyParse out;
  out.state = ProxyParse::State::Bad;
  out.error = std::move(error);
  return out;
}

ProxyParse need_more(std::size_t header_bytes) {
  ProxyParse out;
  out.header_bytes = header_bytes;
  return out;
}

ProxyParse done(const ProxyHeader& header, std::size_t header_bytes) {
  ProxyParse out;
  out.state = ProxyParse::State::Done;
  out.header = header;
  out.header_bytes = header_bytes;
  return out;
}

// Up to the next space, which is taken too. Two spaces give an empty word, and that is no address.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

// The colon tells the families apart: IpAddress makes IPv4 of ::ffff:192.0.2.1.
std::optional<IpAddress> parse_address(std::string_view text, bool is_v6) {
  const bool has_colon = text.find(':') != std::string_view::npos;
  return has_colon == is_v6 ? IpAddress::parse(text) : std::nullopt;
}

// `line` has no line end.
ProxyParse parse_v1_line(std::string_view line, std::size_t header_bytes) {
  std::string_view rest = line.substr(kV1Prefix.size());
  const std::string_view family = take_word(rest);
  if (family == "UNKNOWN") {
    return done({.is_local = true, .source = {}, .destination = {}}, header_bytes);
  }
  if (family != "TCP4" && family != "TCP6") {
    return bad("v1: protocol is neither TCP4, TCP6 nor UNKNOWN");
  }
  const bool is_v6 = family == "TCP6";
  const auto source = parse_address(take_word(rest), is_v6);
  const auto destination = parse_address(take_word(rest), is_v6);
  const auto source_port = parse_port(take_word(rest));
  const auto destination_port = parse_port(rest);  // a further word would make it no number
  if (!source) {
    return bad("v1: bad source address");
  }
  if (!destination) {
    return bad("v1: bad destination address");
  }
  if (!source_port) {
    return bad("v1: bad source port");
  }
  if (!destination_port) {
    return bad("v1: bad destination port");
  }
  ProxyHeader header;
  header.source = {*source, *source_port};
  header.destination = {*destination, *destination_port};
  return done(header, header_bytes);
}

ProxyParse parse_v1(std::string_view bytes) {
  const std::string_view start = bytes.substr(0, kV1Prefix.size());
  if (!kV1Prefix.starts_with(start)) {
    return bad("no PROXY header");
  }
  const std::string_view head = bytes.substr(0, kProxyV1Limit);
  const std::size_t lf = head.find('\n');
  if (lf == std::string_view::npos) {
    if (head.size() == kProxyV1Limit) {
      return bad(fmt::format("v1: no line end within {} octets", kProxyV1Limit));
    }
    return need_more(bytes.size());
  }
  const std::string_view line = head.substr(0, lf);
  if (!line.ends_with('\r')) {
    return bad("v1: line end is not CR LF");
  }
  return parse_v1_line(line.substr(0, lf - 1), lf + 1);
}

unsigned char octet(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::uint16_t number16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(octet(bytes, at) << 8 | octet(bytes, at + 1));
}

template <std::size_t Size>
std::array<std::uint8_t, Size> take_octets(std::string_view bytes, std::size_t at) {
  std::array<std::uint8_t, Size> out{};
  std::transform(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                 bytes.begin() + static_cast<std::ptrdiff_t>(at + Size), out.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  return out;
}

// `payload`: addresses and TLVs. TLVs are skipped unread: nothing in them changes who the client
// is.
ProxyParse parse_v2_payload(unsigned char family, std::string_view payload,
                            std::size_t header_bytes) {
  ProxyHeader header;
  switch (family) {
    case kTcp4:
      if (payload.size() < 12) {
        return bad("v2: shorter than two IPv4 addresses and ports");
      }
      header.source = {IpAddress::v4(take_octets<4>(payload, 0)), number16(payload, 8)};
      header.destination = {IpAddress::v4(take_octets<4>(payload, 4)), number16(payload, 10)};
      return done(header, header_bytes);
    case kTcp6:
      if (payload.size() < 36) {
        return bad("v2: shorter than two IPv6 addresses and ports");
      }
      header.source = {IpAddress::v6(take_octets<16>(payload, 0)), number16(payload, 32)};
      header.destination = {IpAddress::v6(take_octets<16>(payload, 16)), number16(payload, 34)};
      return done(header, header_bytes);
    case 0x00:
      return bad("v2: unspecified address family");
    default:
      return bad(fmt::format("v2: address family and transport 0x{:02X}, not TCP", family));
  }
}

ProxyParse parse_v2(std::string_view bytes) {
  const std::string_view start = bytes.substr(0, kV2Signature.size());
  if (!kV2Signature.starts_with(start)) {
    return bad("no PROXY header");
  }
  if (bytes.size() > 12 && octet(bytes, 12) != kV2Local && octet(bytes, 12) != kV2Proxy) {
    return bad(fmt::format("v2: version and command 0x{:02X}", octet(bytes, 12)));
  }
  if (bytes.size() < kV2FixedPart) {
    return need_more(bytes.size());
  }
  // Bounded before a byte of it is waited for.
  const std::size_t length = number16(bytes, 14);
  if (length > kProxyV2Limit) {
    return bad(fmt::format("v2: {} octets announced, at most {}", length, kProxyV2Limit));
  }
  const std::size_t header_bytes = kV2FixedPart + length;
  if (bytes.size() < header_bytes) {
    return need_more(bytes.size());
  }
  if (octet(bytes, 12) == kV2Local) {
    return done({.is_local = true, .source = {}, .destination = {}}, header_bytes);
  }
  return parse_v2_payload(octet(bytes, 13), bytes.substr(kV2FixedPart, length), header_bytes);
}

bool are_both_v4(const Endpoint& a, const Endpoint& b) {
  return a.address.is_v4() && b.address.is_v4();
}

std::string v6_text(const IpAddress& address) {
  return address.is_v4() ? "::ffff:" + address.to_string() : address.to_string();
}

void append_octet(std::string& out, unsigned value) {
  out.push_back(static_cast<char>(static_cast<unsigned char>(value)));
}

void append_number16(std::string& out, std::size_t value) {
  append_octet(out, static_cast<unsigned>(value >> 8 & 0xFF));
  append_octet(out, static_cast<unsigned>(value & 0xFF));
}

void append_tlv(std::string& out, unsigned char type, std::string_view value) {
  append_octet(out, type);
  append_number16(out, value.size());
  out += value;
}

// "verify" is not 0: no certificate of the client was checked.
void append_tls(std::string& out, const TlsFacts& tls) {
  if (is_host_name(tls.server_name)) {
    append_tlv(out, kTlvAuthority, tls.server_name);
  }
  std::string about;
  append_octet(about, kClientSpeaksTls);
  append_number16(about, 0);
  append_number16(about, 1);
  append_tlv(about, kTlvSslVersion, tls.protocol);
  append_tlv(about, kTlvSslCipher, tls.cipher);
  append_tlv(out, kTlvSsl, about);
}

void append_address(std::string& out, const IpAddress& address, bool as_v6) {
  if (as_v6 && address.is_v4()) {
    out.append(10, '\0');
    out.append("\xFF\xFF");
  }
  for (std::size_t i = 0; i < (address.is_v4() ? 4U : 16U); ++i) {
    append_octet(out, address.bytes()[i]);
  }
}

}  // namespace

ProxyParse parse_proxy_header(std::string_view bytes) {
  if (bytes.empty()) {
    return need_more(0);
  }
  return bytes.front() == kV1Prefix.front() ? parse_v1(bytes) : parse_v2(bytes);
}

std::string build_proxy_v1(const Endpoint& source, const Endpoint& destination) {
  if (are_both_v4(source, destination)) {
    return fmt::format("PROXY TCP4 {} {} {} {}\r\n", source.address.to_string(),
                       destination.address.to_string(), source.port, destination.port);
  }
  return fmt::format("PROXY TCP6 {} {} {} {}\r\n", v6_text(source.address),
                     v6_text(destination.address), source.port, destination.port);
}

std::string build_proxy_v2(const Endpoint& source, const Endpoint& destination,
                           std::string_view unique_id, const TlsFacts* tls) {
  const bool is_v6 = !are_both_v4(source, destination);
  unique_id = unique_id.substr(0, kUniqueIdLimit);
  std::string payload;
  append_address(payload, source.address, is_v6);
  append_address(payload, destination.address, is_v6);
  append_number16(payload, source.port);
  append_number16(payload, destination.port);
  if (!unique_id.empty()) {
    append_tlv(payload, kTlvUniqueId, unique_id);
  }
  if (tls != nullptr) {
    append_tls(payload, *tls);
  }
  std::string out(kV2Signature);
  append_octet(out, kV2Proxy);
  append_octet(out, is_v6 ? kTcp6 : kTcp4);
  append_number16(out, payload.size());
  return out + payload;
}

std::string build_proxy_v2_local() {
  std::string out(kV2Signature);
  append_octet(out, kV2Local);
  out.append(3, '\0');  // no family, no length
  return out;
}

}  // namespace smtpguard::smtp
