// Key — whom the memory knows: an address, a network, an organisation, a correspondent; or what was
// greylisted.
// Owns: its text, inline: a table of millions must not have millions of heap blocks.
// Called by: Table, Memory, Store, smtpguardctl.
// Fails: organisation() and correspondent() give nothing for names that are no host names or too
// long (more than kLongest octets); such a client is known by its address alone.
// As text it is what people read in the store: "192.0.2.1", "2001:db8:1:2::/64", "example.org".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/base/ip_address.hpp"

namespace smtpguard::filters::memory {

class Key {
 public:
  enum class Kind : std::uint8_t {
    None,
    Address,        // an IPv4 address, or the /64 of an IPv6 address
    Network,        // the /24 of an IPv4 address, the /48 of an IPv6 address
    Organisation,   // the organisational domain of a confirmed reverse name
    Correspondent,  // the domain of a sender, alone or with where its mail came from
    Greylist,       // who has come back, or a pool with what it may come back with
  };
  static constexpr std::size_t kLongest = 42;

  Key() = default;
  static Key address(const IpAddress& client);
  static Key network(const IpAddress& client);
  static std::optional<Key> organisation(std::string_view domain);
  static std::optional<Key> correspondent(std::string_view domain);
  // A sender's domain, and the network or organisation that its mail came from.
  static std::optional<Key> correspondent(std::string_view domain, std::string_view origin);
  static std::optional<Key> greylist(std::string_view client);
  // Of a message that was greylisted; what tells it from others is hashed, since it may be long.
  static Key greylist(std::string_view pool, std::string_view message);
  // As it was written into a store; nothing: it was not written by us.
  static std::optional<Key> restore(Kind kind, std::string_view text);

  Kind kind() const { return kind_; }
  std::string_view text() const { return {text_.data(), size_}; }
  // Kind and text: what is hashed.
  std::string_view bytes() const;

  // Of the greylist: a message, and not who has come back.
  bool is_message() const;

  bool operator==(const Key& other) const { return kind_ == other.kind_ && text() == other.text(); }

 private:
  Key(Kind kind, std::string_view text);
  static std::optional<Key> of_name(Kind kind, std::string_view domain);
  // "one#0123456789abcdef": what is cut off of `one` is in the hash.
  static Key of_two(Kind kind, std::string_view one, std::string_view other);

  Kind kind_ = Kind::None;
  std::uint8_t size_ = 0;
  std::array<char, kLongest> text_{};
};
static_assert(sizeof(Key) == Key::kLongest + 2);

std::string_view to_string(Key::Kind kind);
std::optional<Key::Kind> kind_of(std::string_view word);

}  // namespace smtpguard::filters::memory
