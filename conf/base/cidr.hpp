// Cidr, CidrSet — a network, and a set of networks that answers "is this address inside?".
// Owns: its networks.   Called by: access lists, trusted PROXY networks, conf::Reader.
// Fails: parse() returns an Error that names the text; host bits that are set are an error with the
// corrected network in its text, because they are a slip of the pen more often than not.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/ip_address.hpp"
#include "conf/base/result.hpp"

namespace smtpguard {

struct Cidr {
  IpAddress network;
  int length = 0;

  // "192.0.2.0/24", "2001:db8::/32", or a bare address (/32, /128).
  static Result<Cidr> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  std::string to_string() const;

  auto operator<=>(const Cidr&) const = default;
};

// Look-up cost: one binary search per distinct prefix length in the set (files of lists have few),
// so a million networks cost twenty comparisons a length, and no memory beside the networks
// themselves.
class CidrSet {
 public:
  CidrSet() = default;
  explicit CidrSet(std::vector<Cidr> networks);

  // The most specific network that holds the address.
  std::optional<Cidr> find(const IpAddress& address) const;
  bool contains(const IpAddress& address) const { return find(address).has_value(); }
  bool empty() const { return networks_.empty(); }
  std::size_t size() const { return networks_.size(); }

  bool operator==(const CidrSet&) const = default;

 private:
  // The part of networks_ that has one length.
  struct Run {
    int length;
    std::size_t begin;
    std::size_t end;
    bool operator==(const Run&) const = default;
  };

  std::vector<Cidr> networks_;  // sorted by length descending, then network; unique
  std::vector<Run> runs_;
};

}  // namespace smtpguard
