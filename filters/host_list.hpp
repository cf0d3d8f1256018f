// HostList — whose an address is, by network or by the confirmed name of the host, with a label.
// Owns: its entries.   Called by: network.   Fails: parse() names what is wrong with a line.
// A line is "192.0.2.0/24 label" or "example.org label"; names hold for all hosts below them.
// A million networks take some 25 MB, and as many
// labels twice as much again.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "conf/base/cidr.hpp"
#include "conf/base/result.hpp"

namespace smtpguard::filters {

class HostList {
 public:
  struct Entry {
    std::variant<Cidr, std::string> what;  // a network, or a name in lower case
    std::string label;
  };
  static Result<Entry> parse(std::string_view line);

  HostList() = default;
  explicit HostList(std::vector<Entry> entries);

  bool empty() const { return networks_.empty() && names_.empty(); }

  // "192.0.2.0/24 (label)": the most specific entry; nothing: not listed.
  std::optional<std::string> find(const IpAddress& address) const;
  std::optional<std::string> find(std::string_view confirmed_name) const;

 private:
  CidrSet networks_;
  // Sorted; of those networks that have a label of their own.
  std::vector<std::pair<Cidr, std::string>> labels_;
  std::map<std::string, std::string, std::less<>> names_;
};

}  // namespace smtpguard::filters
