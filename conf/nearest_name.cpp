#include "conf/nearest_name.hpp"

#include <algorithm>
#include <cstddef>

#include "conf/base/text.hpp"

namespace smtpguard::conf {
namespace {

constexpr std::size_t kLongestName = 80;  // the distance costs the product of both lengths

}  // namespace

std::string nearest_name(std::string_view found, const std::vector<std::string>& names) {
  if (found.empty() || found.size() > kLongestName) {
    return {};
  }
  const std::string wanted = to_lower(found);
  std::string best;
  // A third of the letters may differ: "adress" is near "address", "teaser" not near "tls".
  std::size_t least = std::max<std::size_t>(1, found.size() / 3) + 1;
  for (const auto& name : names) {
    const std::size_t distance = edit_distance(wanted, to_lower(name));
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

}  // namespace smtpguard::conf
