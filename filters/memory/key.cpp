#include "filters/memory/key.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "conf/base/cidr.hpp"
#include "conf/base/text.hpp"
#include "dns/keyed_hash.hpp"
#include "filters/names.hpp"

namespace smtpguard::filters::memory {

namespace {

constexpr char kBeforeHash = '#';
constexpr std::size_t kHashDigits = 16;
// It is written into the store, so it is always the same. Who finds two messages with one hash has
// found two that come back as one.
const dns::KeyedHash kHash({0x736d747067756172, 0x6772657920666f78});

constexpr int kHostOfIpv6 = 64;
constexpr int kNetworkOfIpv4 = 24;
constexpr int kNetworkOfIpv6 = 48;

std::string in_cidr(const IpAddress& address, int length) {
  return Cidr{address.prefix(length), length}.to_string();
}

}  // namespace

Key::Key(Kind kind, std::string_view text)
    : kind_(kind), size_(static_cast<std::uint8_t>(std::min(text.size(), kLongest))) {
  std::copy_n(text.begin(), size_, text_.begin());
}

Key Key::address(const IpAddress& client) {
  return {Kind::Address, client.is_v4() ? client.to_string() : in_cidr(client, kHostOfIpv6)};
}

Key Key::network(const IpAddress& client) {
  return {Kind::Network, in_cidr(client, client.is_v4() ? kNetworkOfIpv4 : kNetworkOfIpv6)};
}

std::optional<Key> Key::of_name(Kind kind, std::string_view domain) {
  const std::string name = to_lower(without_root_dot(domain));
  if (name.size() > kLongest || !is_host_name(name)) {
    return {};
  }
  return Key(kind, name);
}

std::optional<Key> Key::organisation(std::string_view domain) {
  return of_name(Kind::Organisation, domain);
}

std::optional<Key> Key::correspondent(std::string_view domain) {
  return of_name(Kind::Correspondent, domain);
}

Key Key::of_two(Kind kind, std::string_view one, std::string_view other) {
  const std::uint64_t hash = kHash(fmt::format("{} {}", one, other));
  return {kind,
          fmt::format("{}{}{:016x}", one.substr(0, kLongest - kHashDigits - 1), kBeforeHash, hash)};
}

std::optional<Key> Key::correspondent(std::string_view domain, std::string_view origin) {
  const std::string name = to_lower(without_root_dot(domain));
  if (!is_host_name(name)) {
    return {};
  }
  const std::string both = fmt::format("{}<{}", name, origin);
  return both.size() <= kLongest ? Key(Kind::Correspondent, both)
                                 : of_two(Kind::Correspondent, name, origin);
}

std::optional<Key> Key::greylist(std::string_view client) {
  if (client.empty() || client.size() > kLongest) {
    return {};
  }
  return Key(Kind::Greylist, client);
}

Key Key::greylist(std::string_view pool, std::string_view message) {
  return of_two(Kind::Greylist, pool, message);
}

bool Key::is_message() const {
  return text().find(kBeforeHash) != std::string_view::npos;
}

std::optional<Key> Key::restore(Kind kind, std::string_view text) {
  switch (kind) {
    case Kind::Address:
    case Kind::Network: {
      const auto cidr = Cidr::parse(text);
      if (!cidr) {
        return {};
      }
      Key key = kind == Kind::Address ? address(cidr->network) : network(cidr->network);
      return key.text() == text ? std::optional(key) : std::nullopt;
    }
    case Kind::Organisation:
      return of_name(kind, text);
    case Kind::Correspondent:
    case Kind::Greylist:
      return !text.empty() && text.size() <= kLongest &&
                     std::all_of(text.begin(), text.end(),
                                 [](char c) { return c > ' ' && c < 0x7f; })
                 ? std::optional(Key(kind, text))
                 : std::nullopt;
    case Kind::None:
      break;
  }
  return {};
}

// Both fields stand before the text, without a gap.
std::string_view Key::bytes() const {
  return {reinterpret_cast<const char*>(this), std::size_t{2} + size_};
}

std::string_view to_string(Key::Kind kind) {
  switch (kind) {
    case Key::Kind::Address:
      return "address";
    case Key::Kind::Network:
      return "network";
    case Key::Kind::Organisation:
      return "organisation";
    case Key::Kind::Correspondent:
      return "correspondent";
    case Key::Kind::Greylist:
      return "greylist";
    case Key::Kind::None:
      break;
  }
  return "none";
}

std::optional<Key::Kind> kind_of(std::string_view word) {
  for (const Key::Kind kind : {Key::Kind::Address, Key::Kind::Network, Key::Kind::Organisation,
                               Key::Kind::Correspondent, Key::Kind::Greylist}) {
    if (to_string(kind) == word) {
      return kind;
    }
  }
  return {};
}

}  // namespace smtpguard::filters::memory
