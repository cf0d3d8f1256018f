// network — whose machine is the client: one of those that scan the whole Internet, or one of a
// cloud that anybody rents by the hour? Known by its network or by its confirmed reverse name. A
// label more than a fault: among the renters of clouds are honest ones.
#include <fmt/format.h>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/reader.hpp"
#include "filters/builtin_lists.hpp"
#include "filters/filter.hpp"
#include "filters/host_list.hpp"
#include "filters/reverse.hpp"

namespace smtpguard::filters {
namespace {

constexpr std::array kTests{
    Test{
        .name = "network.scanner",
        .lenient = kObserve,
        .balanced = kObserve,
        .strict = kObserve,
        .says = "your address belongs to those who scan the Internet",
        .mend = "",
    },
    Test{
        .name = "network.cloud",
        .lenient = kObserve,
        .balanced = points(1),
        .strict = points(2),
        .says = "your address belongs to a cloud and has no name of its own",
        .mend = "set its reverse name, or send through your provider",
    },
    Test{
        .name = "network.cloud_unnamed",
        .lenient = kObserve,
        .balanced = kObserve,
        .strict = kObserve,
        .says = "your address belongs to a cloud and has no name that leads back to it",
        .mend = "set its reverse name, or send through your provider",
    },
};
constexpr const Test& kScanner = kTests[0];
constexpr const Test& kCloud = kTests[1];
constexpr const Test& kCloudUnnamed = kTests[2];

HostList compile(std::span<const std::string_view> lines) {
  std::vector<HostList::Entry> entries;
  entries.reserve(lines.size());
  for (const std::string_view line : lines) {
    entries.push_back(HostList::parse(line).value());
  }
  return HostList(entries);
}

const HostList& known_scanners() {
  static const HostList list = compile(builtin_scanners());
  return list;
}

const HostList& known_clouds() {
  static const HostList list = compile(builtin_clouds());
  return list;
}

// The administrator's entries, and then those that came with the program.
struct Lists {
  HostList own;
  const HostList* known = nullptr;  // compiled in, lives as long as the program; or none

  template <typename What>
  std::optional<std::string> find(const What& what) const {
    auto found = own.find(what);
    return found || known == nullptr ? found : known->find(what);
  }
};

class Network final : public Filter {
 public:
  Network(Lists scanners, Lists clouds)
      : scanners_(std::move(scanners)), clouds_(std::move(clouds)) {}

  void wants(const SessionFacts& facts, std::vector<dns::Question>& questions) const override {
    want_reverse(facts, questions);
  }

  void judge(const SessionFacts& facts, Findings& findings) const override {
    const ReverseNames names = reverse_names_of(facts);
    judge_scanner(facts.client.address, names, findings);
    // The names decide, so they must be in.
    if (reverse_of(facts)) {
      judge_cloud(facts.client.address, names, findings);
    }
  }

 private:
  static std::optional<std::string> find_name(const Lists& lists, const ReverseNames& names) {
    for (const std::string& name : names.confirmed) {
      if (const auto entry = lists.find(std::string_view(name))) {
        return fmt::format("{} of {}", name, *entry);
      }
    }
    return {};
  }

  static std::optional<std::string> find_address(const Lists& lists, const IpAddress& address) {
    const auto entry = lists.find(address);
    return entry ? std::optional(fmt::format("{} of {}", address.to_string(), *entry))
                 : std::nullopt;
  }

  void judge_scanner(const IpAddress& client, const ReverseNames& names, Findings& findings) const {
    auto evidence = find_name(scanners_, names);
    if (!evidence) {
      evidence = find_address(scanners_, client);
    }
    if (evidence) {
      findings.push_back(failed(kScanner, std::move(*evidence)));
    }
  }

  // Clouds lend their networks to their own mail services, and to whoever gives his machine a name.
  // Without a confirmed name the network is a label alone: that the name is missing weighs already.
  void judge_cloud(const IpAddress& client, const ReverseNames& names, Findings& findings) const {
    if (auto evidence = find_name(clouds_, names)) {
      findings.push_back(failed(kCloud, std::move(*evidence)));
      return;
    }
    auto evidence = names.confirmed.empty() ? find_address(clouds_, client) : std::nullopt;
    if (evidence) {
      findings.push_back(names.is_complete ? failed(kCloudUnnamed, std::move(*evidence))
                                           : not_known(kCloudUnnamed, std::move(*evidence)));
    }
  }

  Lists scanners_;
  Lists clouds_;
};

HostList read_list(conf::Reader& section, std::string_view key) {
  std::vector<HostList::Entry> entries;
  for (const auto& [line, place] : section.file_entries(key)) {
    auto entry = HostList::parse(line);
    if (entry) {
      entries.push_back(std::move(*entry));
    } else {
      section.error(key, place, entry.error().text);
    }
  }
  return HostList(entries);
}

std::unique_ptr<const Filter> make_network(conf::Reader section) {
  bool has_known_lists = true;
  section.boolean("builtin_lists", has_known_lists);
  Lists scanners{read_list(section, "scanners_files"),
                 has_known_lists ? &known_scanners() : nullptr};
  Lists clouds{read_list(section, "clouds_files"), has_known_lists ? &known_clouds() : nullptr};
  return std::make_unique<Network>(std::move(scanners), std::move(clouds));
}

}  // namespace

extern const FilterKind kNetwork;
const FilterKind kNetwork{
    "network", FilterKind::Scope::Strangers, kTests,
    [](conf::Reader& root, const Site& /*site*/) -> std::unique_ptr<const Filter> {
      return make_network(root.section("network"));
    }};

}  // namespace smtpguard::filters
