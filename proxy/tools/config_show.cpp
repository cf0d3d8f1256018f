#include "proxy/tools/config_show.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <utility>

#include "conf/base/escape.hpp"
#include "dns/dns_list.hpp"
#include "proxy/control/json_text.hpp"

namespace smtpguard::tools {
namespace {

namespace json = boost::json;
using conf::InForce;

// One table with its keys.
struct Group {
  const InForce* head;
  std::vector<const InForce*> keys;
};

bool is_same_table(const InForce& a, const InForce& b) {
  return a.table == b.table && (!a.is_element || a.table_place == b.table_place);
}

// In the order in which the tables were read first; a table stands before those below it.
std::vector<Group> group(const std::vector<InForce>& values, bool only_non_default) {
  std::vector<Group> groups;
  for (const InForce& one : values) {
    if (only_non_default && one.is_default()) {
      continue;
    }
    const auto known = std::find_if(groups.begin(), groups.end(), [&](const Group& candidate) {
      return is_same_table(*candidate.head, one);
    });
    if (known != groups.end()) {
      known->keys.push_back(&one);
    } else {
      groups.push_back({&one, {&one}});
    }
  }
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    return a.head->table.empty() && !b.head->table.empty();
  });
  return groups;
}

// Each text in quotes by itself, so that the keys in the zones of a list of them are found.
std::string shown_value(const InForce& one) {
  const bool may_hold_key = one.table.starts_with("dnsbl") &&
                            (one.key == "zone" || one.key == "zones" || one.key == "label");
  if (!may_hold_key) {
    return one.value;
  }
  std::string shown;
  std::string_view rest = one.value;
  bool is_inside = false;
  while (true) {
    const auto end = rest.find('"');
    const std::string_view part = rest.substr(0, end);
    shown += is_inside ? dns::masked_zone(part) : std::string(part);
    if (end == std::string_view::npos) {
      return shown;
    }
    shown += '"';
    is_inside = !is_inside;
    rest.remove_prefix(end + 1);
  }
}

std::string origin_of(const InForce& one, const std::string& file) {
  return one.line == 0 ? "default" : fmt::format("{}:{}", escape(file), one.line);
}

}  // namespace

std::string show_in_toml(const std::vector<InForce>& values, const ShowOptions& options) {
  constexpr std::size_t kColumn = 44;
  std::string text;
  const auto out = std::back_inserter(text);
  for (const Group& table : group(values, options.only_non_default)) {
    const InForce& head = *table.head;
    if (!head.table.empty()) {
      const std::string name = head.is_element ? '[' + head.table + ']' : head.table;
      fmt::format_to(out, "{}[{}]\n", text.empty() ? "" : "\n", name);
    }
    for (const InForce* one : table.keys) {
      std::string line = fmt::format("{} = {}", one->key, shown_value(*one));
      if (options.with_origin) {
        line = fmt::format("{:<{}}  # {}", line, kColumn, origin_of(*one, options.file));
      }
      fmt::format_to(out, "{}\n", line);
    }
  }
  return text;
}

std::string show_in_json(const std::vector<InForce>& values, const ShowOptions& options) {
  json::array all;
  for (const Group& table : group(values, options.only_non_default)) {
    for (const InForce* one : table.keys) {
      json::object object{{"table", one->table},
                          {"key", one->key},
                          {"value", shown_value(*one)},
                          {"default", one->is_default()},
                          {"origin", origin_of(*one, options.file)}};
      all.push_back(std::move(object));
    }
  }
  return control::json_text(all);
}

}  // namespace smtpguard::tools
