#include <fmt/format.h>

#include <algorithm>

#include "conf/nearest_name.hpp"
#include "conf/reader.hpp"
#include "conf/wording.hpp"

namespace smtpguard::conf {

Reader Reading::root() {
  return {*this, std::get_if<Table>(&document_.root().content), Place{}, "", ""};
}

void Reading::finish() {
  if (const Table* table = as_table(document_.root())) {
    find_unknown(*table, "");
  }
}

void Reading::find_unknown(const Table& table, const std::string& path) {
  for (const Entry& entry : table) {
    const std::string full_path = join_path(path, entry.key);
    const bool is_section = sections_.contains(full_path);
    if (!is_section && !keys_.contains(full_path)) {
      tell_unknown(entry, path, full_path);
      continue;
    }
    // A table where a value was expected, or the reverse, was told when it was read.
    if (!is_section) {
      continue;
    }
    if (const Table* below = as_table(entry.value)) {
      find_unknown(*below, full_path);
    } else if (const Array* items = as_array(entry.value)) {
      for (const Value& item : *items) {
        if (const Table* element = as_table(item)) {
          find_unknown(*element, full_path);
        }
      }
    }
  }
}

void Reading::tell_unknown(const Entry& entry, const std::string& path,
                           const std::string& full_path) {
  if (report_.is_full()) {
    report_.error(Place{}, {});  // counted; a text that nobody will read costs too much
    return;
  }
  const std::vector<std::string> names = names_below(path);
  std::string text = fmt::format("{}: unknown {}; allowed: {}", full_path,
                                 as_table(entry.value) != nullptr ? "table" : "key", join(names));
  const std::string meant = nearest_name(entry.key, names);
  if (!meant.empty()) {
    text += fmt::format("; did you mean {}?", quoted(meant));
  } else {
    // A good key under the wrong header is as frequent as a slip of the pen.
    const auto elsewhere = std::find_if(keys_.begin(), keys_.end(), [&](const std::string& known) {
      return known.ends_with('.' + entry.key);
    });
    if (elsewhere != keys_.end()) {
      text += fmt::format("; did you mean {}?", *elsewhere);
    }
  }
  report_.error(Place{0, entry.position}, text);
}

std::vector<std::string> Reading::names_below(const std::string& path) const {
  const std::string prefix = path.empty() ? path : path + '.';
  std::vector<std::string> out;
  for (const auto* known : {&keys_, &sections_}) {
    for (const auto& full : *known) {
      if (full.starts_with(prefix) && full.find('.', prefix.size()) == std::string::npos) {
        out.push_back(full.substr(prefix.size()));
      }
    }
  }
  return out;
}

}  // namespace smtpguard::conf
