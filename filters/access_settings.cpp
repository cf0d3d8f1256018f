// The entries of [access], as an administrator writes them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/base/text.hpp"
#include "conf/reader.hpp"
#include "filters/access.hpp"

namespace smtpguard::filters {
namespace {

using Entry = conf::Located<std::string>;

// In this order: what cannot be forged, up to Ptr; then what anybody can say.
enum class Kind : std::uint8_t { Network, Spf, System, Ptr, Helo, From, To };

constexpr std::string_view kUnforgeable =
    "an address, a network, \"ptr:NAME\", \"ptr:.NAME\" (a name that the reverse DNS confirms), "
    "\"spf:DOMAIN\" (the networks that the domain publishes), or \"asn:64500\"";
constexpr std::string_view kForms =
    "an address, a network, \"ptr:.example.org\" (a name that the reverse DNS confirms), "
    "\"spf:example.org\" (the networks that the domain publishes), \"asn:64500\", \"helo:NAME\", "
    "\"from:user@example.org\", \"from:.example.org\", \"to:user@example.org\"";

constexpr std::string_view kNeedsOrigins =
    "\"asn:\" needs asn.file, or asn.cymru = true, to know the number of a client";

// Each is looked up again and again, whether its clients come or not.
constexpr std::size_t kMostSpfDomains = 50;

struct ListKeys {
  std::string_view entries;
  std::string_view files;
  bool is_unforgeable = false;
};

// A list that was read before this one.
struct Earlier {
  std::string_view name;
  const AccessList* list;
};

struct Split {
  Kind kind = Kind::Network;
  std::string_view value;
};

// An IPv6 address has colons as well, but none of these words before the first.
Split split(std::string_view text) {
  constexpr std::array kWords{std::pair{std::string_view("spf:"), Kind::Spf},
                              std::pair{std::string_view("asn:"), Kind::System},
                              std::pair{std::string_view("ptr:"), Kind::Ptr},
                              std::pair{std::string_view("helo:"), Kind::Helo},
                              std::pair{std::string_view("from:"), Kind::From},
                              std::pair{std::string_view("to:"), Kind::To}};
  for (const auto& [word, kind] : kWords) {
    if (starts_with_ignoring_case(text, word)) {
      return {kind, trim(text.substr(word.size()))};
    }
  }
  return {Kind::Network, text};
}

std::string_view without_dot(std::string_view name) {
  return name.starts_with('.') ? name.substr(1) : name;
}

bool is_qualified(std::string_view name) {
  return is_host_name(name) && name.find('.') != std::string_view::npos;
}

bool is_helo(std::string_view text) {
  return !without_dot(text).empty() && text.size() <= 255 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// The same entry, not one that only covers it: that is how exceptions are made.
bool holds(const AccessList& list, Kind kind, std::string_view value) {
  switch (kind) {
    case Kind::Network: {
      if (list.networks.empty()) {
        return false;
      }
      const Cidr network = Cidr::parse(value).value();
      return list.networks.find(network.network) == network;
    }
    case Kind::Spf:
      return std::find(list.spf.begin(), list.spf.end(), to_lower(value)) != list.spf.end();
    case Kind::System:
      return std::binary_search(list.systems.begin(), list.systems.end(), parse_asn(value).value());
    case Kind::Ptr:
      return list.ptr.has(value);
    case Kind::Helo:
      return list.helo.has(value);
    case Kind::From:
      return value == "<>" ? list.has_null_sender : list.from.has(value);
    case Kind::To:
      return list.to.has(value);
  }
  return false;
}

// What somebody may have meant who wrote a bare name or mail address.
std::string meant_by(std::string_view text, bool is_unforgeable) {
  std::string name(text.starts_with("*.") ? text.substr(1) : text);
  if (is_host_name(without_dot(name)) && !is_digit(name.back())) {
    return "ptr:" + name;
  }
  const bool has_at = text.find('@') != std::string_view::npos;
  return has_at && !is_unforgeable ? fmt::format("from:{}", text) : std::string();
}

class ListReader {
 public:
  ListReader(conf::Reader& section, const ListKeys& keys) : section_(section), keys_(keys) {}

  // What stands in one of `earlier` too is told.
  AccessList read(const std::vector<Earlier>& earlier) {
    for (const auto& entry : section_.strings(keys_.entries)) {
      add(keys_.entries, entry, earlier);
    }
    for (const auto& entry : section_.file_entries(keys_.files)) {
      add(keys_.files, entry, earlier);
    }
    list_.networks = CidrSet(std::move(networks_));
    std::sort(list_.systems.begin(), list_.systems.end());
    return std::move(list_);
  }

 private:
  void add(std::string_view key, const Entry& entry, const std::vector<Earlier>& earlier) {
    const auto [kind, whole] = split(entry.value);
    // Files of networks label them; a label is no part of the entry.
    const std::string_view value =
        kind == Kind::Network ? whole.substr(0, whole.find_first_of(" \t")) : whole;
    const bool is_forgeable = kind > Kind::Ptr;
    if (is_forgeable && keys_.is_unforgeable) {
      section_.error(key, entry.place,
                     fmt::format("found \"{}\", which anybody can say; allowed here: {}",
                                 entry.value, kUnforgeable));
      return;
    }
    if (!take(kind, value)) {
      complain(key, entry, value);
      return;
    }
    for (const auto& [name, list] : earlier) {
      if (holds(*list, kind, value)) {
        section_.error(
            key, entry.place,
            fmt::format("{} stands in the {} list too; keep it in one of them", entry.value, name));
      }
    }
  }

  bool take(Kind kind, std::string_view value) {
    switch (kind) {
      case Kind::Network: {
        const auto network = Cidr::parse(value);
        if (network) {
          networks_.push_back(*network);
        }
        return network.has_value();
      }
      case Kind::Spf:
        if (!is_qualified(value)) {
          return false;
        }
        list_.spf.push_back(to_lower(value));
        return true;
      case Kind::System: {
        const auto number = parse_asn(value);
        list_.systems.push_back(number.value_or(0));
        return number.has_value();
      }
      case Kind::Ptr:
        if (!is_host_name(without_dot(value)) ||
            (keys_.is_unforgeable && !is_qualified(without_dot(value)))) {
          return false;
        }
        list_.ptr.add(value);
        return true;
      case Kind::Helo:
        if (!is_helo(value)) {
          return false;
        }
        list_.helo.add(value);
        return true;
      case Kind::From:
        if (value == "<>") {
          list_.has_null_sender = true;
          return true;
        }
        return list_.from.add(value);
      case Kind::To:
        return list_.to.add(value);
    }
    return false;
  }

  void complain(std::string_view key, const Entry& entry, std::string_view value) {
    const std::string_view allowed = keys_.is_unforgeable ? kUnforgeable : kForms;
    if (value.find('/') != std::string_view::npos && value == entry.value) {
      const auto network = Cidr::parse(value);
      section_.error(key, entry.place,
                     fmt::format("found {}; allowed: {}", network.error().text, allowed));
      return;
    }
    const std::string meant =
        value == entry.value ? meant_by(value, keys_.is_unforgeable) : std::string();
    section_.error(key, entry.place,
                   fmt::format("found \"{}\"; allowed: {}{}", entry.value, allowed,
                               meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant)));
  }

  conf::Reader& section_;
  ListKeys keys_;
  std::vector<Cidr> networks_;
  AccessList list_;
};

}  // namespace

AccessSettings read_access(conf::Reader& root) {
  conf::Reader section = root.section("access");
  AccessSettings lists;
  std::vector<Earlier> earlier;
  lists.allow = ListReader(section, {"allow", "allow_files", true}).read(earlier);
  earlier.push_back({"allow", &lists.allow});
  lists.observe = ListReader(section, {"observe", "observe_files"}).read(earlier);
  earlier.push_back({"observe", &lists.observe});
  lists.discard = ListReader(section, {"discard", "discard_files"}).read(earlier);
  earlier.push_back({"discard", &lists.discard});
  lists.deny = ListReader(section, {"deny", "deny_files"}).read(earlier);
  lists.quiet = ListReader(section, {"quiet", "quiet_files"}).read({});
  if (const std::size_t count = lists.spf_domains().size(); count > kMostSpfDomains) {
    section.error("", fmt::format("found {} domains behind \"spf:\"; allowed: at most {}", count,
                                  kMostSpfDomains));
  }
  lists.origins = read_origin_sources(root.section("asn"));
  const std::array all{&lists.allow, &lists.observe, &lists.discard, &lists.deny, &lists.quiet};
  const bool has_systems = std::any_of(
      all.begin(), all.end(), [](const AccessList* list) { return !list->systems.empty(); });
  if (lists.origins == nullptr && has_systems) {
    section.error("", kNeedsOrigins);
  }
  return lists;
}

}  // namespace smtpguard::filters
