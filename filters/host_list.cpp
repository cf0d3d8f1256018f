#include "filters/host_list.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "conf/base/text.hpp"

namespace smtpguard::filters {

Result<HostList::Entry> HostList::parse(std::string_view line) {
  const auto blank = line.find_first_of(" \t");
  const std::string_view what = line.substr(0, blank);
  const std::string_view label =
      blank == std::string_view::npos ? std::string_view() : trim(line.substr(blank + 1));
  if (label.find_first_of(" \t") != std::string_view::npos) {
    return Error{fmt::format("\"{}\": a label is one word", line)};
  }
  const bool is_name =
      what.find('.') != std::string_view::npos && is_host_name(what) && !is_digit(what.back());
  if (is_name) {
    return Entry{to_lower(what), std::string(label)};
  }
  const auto network = Cidr::parse(what);
  if (!network) {
    return network.error();
  }
  return Entry{*network, std::string(label)};
}

HostList::HostList(std::vector<Entry> entries) {
  std::vector<Cidr> networks;
  networks.reserve(entries.size());
  for (Entry& entry : entries) {
    if (const Cidr* network = std::get_if<Cidr>(&entry.what)) {
      networks.push_back(*network);
      if (!entry.label.empty()) {
        labels_.emplace_back(*network, std::move(entry.label));
      }
    } else {
      names_.emplace(std::get<std::string>(entry.what), std::move(entry.label));
    }
  }
  networks_ = CidrSet(std::move(networks));
  labels_.shrink_to_fit();
  // Of two labels the first one counts.
  const auto is_before = [](const auto& a, const auto& b) { return a.first < b.first; };
  // Long lists come sorted.
  if (!std::is_sorted(labels_.begin(), labels_.end(), is_before)) {
    std::stable_sort(labels_.begin(), labels_.end(), is_before);
  }
}

std::optional<std::string> HostList::find(const IpAddress& address) const {
  const auto network = networks_.find(address);
  if (!network) {
    return {};
  }
  const auto label =
      std::lower_bound(labels_.begin(), labels_.end(), *network,
                       [](const auto& one, const Cidr& wanted) { return one.first < wanted; });
  const bool has_label = label != labels_.end() && label->first == *network;
  const std::string text = network->to_string();
  return has_label ? fmt::format("{} ({})", text, label->second) : text;
}

std::optional<std::string> HostList::find(std::string_view confirmed_name) const {
  const std::string lower = to_lower(confirmed_name);
  std::string_view rest = lower;
  while (true) {
    if (const auto found = names_.find(rest); found != names_.end()) {
      return found->second.empty() ? found->first
                                   : fmt::format("{} ({})", found->first, found->second);
    }
    const auto dot = rest.find('.');
    if (dot == std::string_view::npos) {
      return {};
    }
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace smtpguard::filters
