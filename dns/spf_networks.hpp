// SpfNetworks — the addresses that a domain lets send in its name. A value.
// Owns: the networks.   Called by: SpfBook's readers: filters/access.   Fails: never.
// The terms of a record are looked through in their order, and the first that holds the address
// decides (RFC 7208 4.6.2), so that "-ip4:192.0.2.9 ip4:192.0.2.0/24" leaves one host out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/base/cidr.hpp"

namespace smtpguard::dns {

class SpfNetworks {
 public:
  // Terms that follow each other and say the same may be one set.
  void add(bool passes, CidrSet networks) {
    if (!networks.empty()) {
      steps_.push_back({passes, std::move(networks), nullptr});
    }
  }
  void add(bool passes, SpfNetworks included) {
    steps_.push_back({passes, {}, std::make_shared<const SpfNetworks>(std::move(included))});
  }

  bool contains(const IpAddress& address) const {
    const auto found = std::find_if(steps_.begin(), steps_.end(), [&](const Step& step) {
      return step.included ? step.included->contains(address) : step.networks.contains(address);
    });
    return found != steps_.end() && found->passes;
  }
  // Networks, with those that are left out.
  std::size_t size() const {
    std::size_t sum = 0;
    for (const Step& step : steps_) {
      sum += step.included ? step.included->size() : step.networks.size();
    }
    return sum;
  }

 private:
  struct Step {
    bool passes;
    CidrSet networks;
    std::shared_ptr<const SpfNetworks> included;  // shared by copies; null: `networks`
  };
  std::vector<Step> steps_;
};

// What is known now, by domain; a domain that is not in here exempts nobody.
using SpfTable = std::map<std::string, SpfNetworks, std::less<>>;

}  // namespace smtpguard::dns
