#include "filters/dns_lists_known.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "conf/base/text.hpp"
#include "dns/known_lists.hpp"

namespace smtpguard::filters {
namespace {

using dns::ListKind;

struct KnownCode {
  std::string_view label;  // as dns::known_label() names the list
  std::string_view codes;
  std::int32_t score;
};

// Meanings stand in dns/known_lists. DNSWL's third octet is the trade of the client, and 10, where
// its test entry lies, is none.
constexpr std::array kCodes{
    KnownCode{"zen", "127.0.0.[2..7]", 8},
    KnownCode{"zen", "127.0.0.9", 8},
    KnownCode{"zen", "127.0.0.[10..11]", 6},
    KnownCode{"sbl-xbl", "127.0.0.[2..7]", 8},
    KnownCode{"sbl-xbl", "127.0.0.9", 8},
    KnownCode{"sbl", "127.0.0.[2;3;9]", 8},
    KnownCode{"xbl", "127.0.0.[4..7]", 8},
    KnownCode{"pbl", "127.0.0.[10..11]", 6},
    KnownCode{"dnswl", "127.0.[2..9;11..254].0", -1},
    KnownCode{"dnswl", "127.0.[2..9;11..254].1", -2},
    KnownCode{"dnswl", "127.0.[2..9;11..254].2", -4},
    KnownCode{"dnswl", "127.0.[2..9;11..254].3", -8},
    KnownCode{"spamcop", "127.0.0.2", 4},
    KnownCode{"barracuda", "127.0.0.2", 4},
    KnownCode{"psbl", "127.0.0.2", 4},
    KnownCode{"uceprotect1", "127.0.0.2", 2},
    KnownCode{"mailspike", "127.0.0.2", 4},
    KnownCode{"mailspike", "127.0.0.10", 4},
    KnownCode{"mailspike", "127.0.0.11", 3},
    KnownCode{"mailspike", "127.0.0.12", 2},
    KnownCode{"mailspike-good", "127.0.0.18", -1},
    KnownCode{"mailspike-good", "127.0.0.19", -2},
    KnownCode{"mailspike-good", "127.0.0.20", -3},
    KnownCode{"hostkarma", "127.0.0.2", 3},
    // Not those of honest people whose site was broken into.
    KnownCode{"dbl", "127.0.1.[2..99]", 6},
    KnownCode{"surbl", "127.0.0.[8..254]", 4},
    KnownCode{"uribl", "127.0.0.[2;6;10;14]", 4},
};

struct KnownTrait {
  std::string_view label;
  ListKind kind = ListKind::Block;
  bool has_ipv6 = true;
  bool is_self_tested = true;
  std::string_view help{};
  bool is_of_names = false;
  std::string_view listed_entry{};
};

constexpr std::string_view kSpamhaus = "https://check.spamhaus.org/query/ip/%s";
constexpr std::array kTraits{
    KnownTrait{.label = "zen", .help = kSpamhaus},
    KnownTrait{.label = "sbl-xbl", .help = kSpamhaus},
    KnownTrait{.label = "sbl", .help = kSpamhaus},
    KnownTrait{.label = "xbl", .help = kSpamhaus},
    KnownTrait{.label = "pbl", .help = kSpamhaus},
    KnownTrait{.label = "dnswl", .kind = ListKind::Allow},
    KnownTrait{.label = "spamcop",
               .has_ipv6 = false,
               .help = "https://www.spamcop.net/w3m?action=checkblock&ip=%s"},
    KnownTrait{.label = "barracuda",
               .has_ipv6 = false,
               .help = "https://www.barracudacentral.org/lookups?ip_address=%s"},
    KnownTrait{.label = "psbl", .help = "https://psbl.org/listing?ip=%s"},
    KnownTrait{.label = "uceprotect1", .help = "https://www.uceprotect.net/en/rblcheck.php"},
    KnownTrait{.label = "mailspike", .has_ipv6 = false, .help = "https://mailspike.io/"},
    KnownTrait{.label = "mailspike-good", .kind = ListKind::Allow, .has_ipv6 = false},
    KnownTrait{.label = "dbl",
               .help = "https://check.spamhaus.org/",
               .is_of_names = true,
               .listed_entry = "dbltest.com"},
    KnownTrait{.label = "surbl",
               .help = "https://surbl.org/surbl-analysis",
               .is_of_names = true,
               .listed_entry = "surbl-org-permanent-test-point.com"},
    KnownTrait{.label = "uribl",
               .help = "https://admin.uribl.com/",
               .is_of_names = true,
               .listed_entry = "2.0.0.127"},
    // It lists 127.0.0.1, as it lists all there is.
    KnownTrait{.label = "hostkarma", .has_ipv6 = false, .is_self_tested = false},
};

}  // namespace

void add_code(DnsList& list, dns::CodePattern pattern, std::int32_t score, std::string meaning) {
  list.codes.push_back(std::move(pattern));
  list.worths.push_back({score, std::move(meaning)});
}

DnsList known_list(const std::string& zone) {
  DnsList list;
  list.zone = to_lower(zone);
  list.shown_zone = dns::masked_zone(list.zone);
  const std::string_view label = dns::known_label(zone);
  list.label = label.empty() ? list.shown_zone : std::string(label);
  const auto* const trait = std::find_if(kTraits.begin(), kTraits.end(),
                                         [&](const auto& known) { return known.label == label; });
  if (trait != kTraits.end()) {
    list.kind = trait->kind;
    list.has_ipv6 = trait->has_ipv6;
    list.is_self_tested = trait->is_self_tested;
    list.help = trait->help;
    list.has_helo = list.has_ptr = list.has_sender = trait->is_of_names;
    list.listed_entry = trait->listed_entry;
  }
  for (const KnownCode& code : kCodes) {
    if (code.label == label) {
      add_code(list, dns::CodePattern::parse(code.codes).value(), code.score, "");
    }
  }
  return list;
}

}  // namespace smtpguard::filters
