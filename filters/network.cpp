// network — whose machine is the client: one of those that scan the whole Internet, or one of a
// cloud that anybody rents by the hour? Known by its network or by its confirmed reverse name. A
// label more than a fault: among the renters of clouds are honest ones.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/base/text.hpp"
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
    Test{
        .name = "network.list",
        .lenient = points(0),
        .balanced = points(0),
        .strict = points(0),
        .says = "your network stands in a list that this site keeps",
        .is_family = true,
    },
};
// Lists of the administrator bring their own weights; here stands only that they count.
constexpr const Test& kList = kTests[3];
constexpr const Test& kScanner = kTests[0];
constexpr const Test& kCloud = kTests[1];
constexpr const Test& kCloudUnnamed = kTests[2];

constexpr conf::Range<std::int32_t> kScores{1, 1000};
constexpr std::array<conf::Word<Mode>, 4> kModes{{{"score", Mode::Score},
                                                  {"observe", Mode::Observe},
                                                  {"require", Mode::Require},
                                                  {"off", Mode::Off}}};

HostList compile(std::span<const std::string_view> lines) {
  std::vector<HostList::Entry> entries;
  entries.reserve(lines.size());
  for (const std::string_view line : lines) {
    entries.push_back(HostList::parse(line).value());
  }
  return HostList(std::move(entries));
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

// [[network.list]]
struct OwnList {
  std::string label;
  Weight weight = points(4);
  HostList hosts;
};

class Network final : public Filter {
 public:
  Network(Lists scanners, Lists clouds, std::vector<OwnList> own)
      : scanners_(std::move(scanners)), clouds_(std::move(clouds)), own_(std::move(own)) {}

  void wants(const SessionFacts& facts, std::vector<dns::Question>& questions) const override {
    want_reverse(facts, questions);
  }

  void judge(const SessionFacts& facts, Findings& findings) const override {
    const ReverseNames names = reverse_names_of(facts);
    judge_own(facts.client.address, names, findings);
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

  void judge_own(const IpAddress& client, const ReverseNames& names, Findings& findings) const {
    for (const OwnList& list : own_) {
      auto entry = list.hosts.find(client);
      for (auto name = names.confirmed.begin(); !entry && name != names.confirmed.end(); ++name) {
        entry = list.hosts.find(std::string_view(*name));
      }
      if (entry) {
        Finding finding = failed(kList, std::move(*entry));
        finding.label = list.label;
        finding.weight = list.weight;
        findings.push_back(std::move(finding));
      }
    }
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
  std::vector<OwnList> own_;
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
  return HostList(std::move(entries));
}

bool is_label(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '_';
  });
}

OwnList read_own(conf::Reader section) {
  OwnList list;
  if (section.require("label", "a short name for log and replies, such as \"drop\"") &&
      section.string("label", list.label) && !is_label(list.label)) {
    section.error("label", fmt::format("found \"{}\"; allowed: 1 to 32 letters, digits, hyphens, "
                                       "underscores",
                                       list.label));
  }
  section.require("files", "files of networks, such as [\"drop.txt\"]");
  std::int32_t score = 4;
  section.score("score", score, kScores);
  Mode mode = Mode::Score;
  section.word("mode", mode, kModes);
  list.weight = {mode, mode == Mode::Require ? 0 : score};
  list.hosts = read_list(section, "files");
  return list;
}

// Those that are off are read, so that their keys and files are checked.
std::vector<OwnList> read_own_lists(conf::Reader& section) {
  std::vector<OwnList> lists;
  for (conf::Reader& below : section.sections("list")) {
    OwnList list = read_own(below);
    const bool is_taken = std::any_of(lists.begin(), lists.end(), [&](const OwnList& other) {
      return equals_ignoring_case(other.label, list.label);
    });
    if (is_taken && !list.label.empty()) {
      below.error("label", fmt::format("\"{}\" is taken by another list", list.label));
    }
    lists.push_back(std::move(list));
  }
  std::erase_if(lists, [](const OwnList& list) { return list.weight.mode == Mode::Off; });
  return lists;
}

std::unique_ptr<const Filter> make_network(conf::Reader section) {
  bool has_known_lists = true;
  section.boolean("builtin_lists", has_known_lists);
  Lists scanners{read_list(section, "scanners_files"),
                 has_known_lists ? &known_scanners() : nullptr};
  Lists clouds{read_list(section, "clouds_files"), has_known_lists ? &known_clouds() : nullptr};
  return std::make_unique<Network>(std::move(scanners), std::move(clouds), read_own_lists(section));
}

}  // namespace

extern const FilterKind kNetwork;
const FilterKind kNetwork{
    "network", FilterKind::Scope::Strangers, kTests,
    [](conf::Reader& root, const Site& /*site*/) -> std::unique_ptr<const Filter> {
      return make_network(root.section("network"));
    }};

}  // namespace smtpguard::filters
