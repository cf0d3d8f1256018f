#include "filters/recipients.hpp"

#include "conf/base/text.hpp"

namespace smtpguard::filters {

void RecipientDomains::add(std::string_view entry) {
  domains_.insert(to_lower(entry));
}

bool RecipientDomains::contains(std::string_view domain) const {
  if (domain.empty()) {
    return true;
  }
  const std::string name = to_lower(domain);
  if (domains_.contains(name)) {
    return true;
  }
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (domains_.contains(std::string_view(name).substr(dot))) {
      return true;
    }
  }
  return false;
}

}  // namespace smtpguard::filters
