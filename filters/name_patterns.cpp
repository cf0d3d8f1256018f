#include "filters/name_patterns.hpp"

#include "conf/base/text.hpp"

namespace smtpguard::filters {

void NamePatterns::add(std::string_view entry) {
  entries_.insert(to_lower(entry));
}

std::string_view NamePatterns::find(std::string_view name) const {
  if (entries_.empty()) {
    return {};
  }
  if (name.ends_with('.')) {
    name.remove_suffix(1);
  }
  const std::string lower = to_lower(name);
  if (const auto exact = entries_.find(lower); exact != entries_.end()) {
    return *exact;
  }
  for (auto dot = lower.find('.'); dot != std::string::npos; dot = lower.find('.', dot + 1)) {
    const auto below = entries_.find(std::string_view(lower).substr(dot));
    if (below != entries_.end()) {
      return *below;
    }
  }
  return {};
}

bool NamePatterns::has(std::string_view entry) const {
  return entries_.contains(to_lower(entry));
}

}  // namespace smtpguard::filters
