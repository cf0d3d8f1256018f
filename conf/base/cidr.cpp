#include "conf/base/cidr.hpp"

#include <algorithm>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"

namespace smtpguard {
namespace {

Error not_a_network(std::string_view text, std::string_view why) {
  return Error{escape(text, 80) + ": " + std::string(why)};
}

}  // namespace

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const auto address = IpAddress::parse(host);
  if (!address) {
    return not_a_network(text, "not an address or network");
  }
  if (slash == std::string_view::npos) {
    return Cidr{*address, address->bit_length()};
  }
  // ::ffff:192.0.2.0/120 became an IPv4 address, so its length loses the 96 mapped bits as well.
  const bool is_mapped = address->is_v4() && host.find(':') != std::string_view::npos;
  const std::uint64_t skipped = is_mapped ? 96 : 0;
  const auto length = parse_number(text.substr(slash + 1));
  const std::uint64_t longest = static_cast<std::uint64_t>(address->bit_length()) + skipped;
  if (!length || *length > longest || *length < skipped) {
    return not_a_network(text, "the prefix length must be " + std::to_string(skipped) + " to " +
                                   std::to_string(longest));
  }
  const Cidr network{*address, static_cast<int>(*length - skipped)};
  const Cidr corrected{address->prefix(network.length), network.length};
  if (network != corrected) {
    return not_a_network(text,
                         "bits are set behind the prefix; the network is " + corrected.to_string());
  }
  return network;
}

bool Cidr::contains(const IpAddress& address) const {
  return address.family() == network.family() && address.prefix(length) == network;
}

std::string Cidr::to_string() const {
  return network.to_string() + '/' + std::to_string(length);
}

CidrSet::CidrSet(std::vector<Cidr> networks) : networks_(std::move(networks)) {
  std::sort(networks_.begin(), networks_.end(), [](const Cidr& a, const Cidr& b) {
    return a.length != b.length ? a.length > b.length : a.network < b.network;
  });
  networks_.erase(std::unique(networks_.begin(), networks_.end()), networks_.end());
  networks_.shrink_to_fit();
  for (std::size_t i = 0; i < networks_.size(); ++i) {
    if (runs_.empty() || runs_.back().length != networks_[i].length) {
      runs_.push_back({networks_[i].length, i, i});
    }
    ++runs_.back().end;
  }
}

std::optional<Cidr> CidrSet::find(const IpAddress& address) const {
  for (const Run& run : runs_) {
    if (run.length > address.bit_length()) {
      continue;
    }
    const IpAddress wanted = address.prefix(run.length);
    const auto begin = networks_.begin() + static_cast<std::ptrdiff_t>(run.begin);
    const auto end = networks_.begin() + static_cast<std::ptrdiff_t>(run.end);
    const auto found = std::lower_bound(
        begin, end, wanted,
        [](const Cidr& entry, const IpAddress& value) { return entry.network < value; });
    if (found != end && found->network == wanted) {
      return *found;
    }
  }
  return std::nullopt;
}

}  // namespace smtpguard
