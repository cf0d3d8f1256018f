// MaxMindFile — a database of networks in MaxMind's format (.mmdb), in memory: whose is an address?
// Owns: the file's bytes.   Called by: Origins, the fuzz target maxmind_file.
// Fails: open() says what is no such file; find() finds nothing where the file is damaged.
// Its own reader of the few parts that are needed, because libmaxminddb opens paths only: the
// process that reads a reloaded configuration can open none, and gets all files as bytes. Format:
// MaxMind DB File Format Specification 2.0. Every offset is checked, pointers lead to no pointers,
// and nesting ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/base/cidr.hpp"
#include "conf/base/result.hpp"

namespace smtpguard::filters {

class MaxMindFile {
 public:
  // Files of autonomous systems: GeoLite2 ASN, DB-IP ASN Lite, IPinfo Lite and their like.
  static Result<MaxMindFile> open(std::string bytes);

  struct Found {
    std::uint32_t number = 0;  // of the autonomous system
    std::string name;          // as the file has it; may be empty; raw
    Cidr network;

    bool operator==(const Found&) const = default;
  };
  std::optional<Found> find(const IpAddress& address) const;

  // "GeoLite2-ASN"; raw
  const std::string& type() const { return type_; }

 private:
  MaxMindFile() = default;
  std::uint32_t record(std::uint32_t node, bool is_right) const;

  std::string bytes_;
  std::string type_;
  std::uint32_t nodes_ = 0;
  std::uint32_t record_bits_ = 0;
  bool has_ipv6_ = false;
  std::size_t data_begin_ = 0;
  std::size_t data_end_ = 0;
};

}  // namespace smtpguard::filters
