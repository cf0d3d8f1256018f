#include "dns/known_lists.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "conf/base/text.hpp"
#include "dns/dns_list.hpp"
#include "dns/retired_lists.hpp"

namespace smtpguard::dns {
namespace {

struct KnownZone {
  std::string_view zone;
  std::string_view label;
  bool refuses_public_resolvers;
};

// Zones are compared with all that stands left of them cut off, so the longer name goes first.
constexpr std::array kZones{
    KnownZone{"zen.dq.spamhaus.net", "zen", false},
    KnownZone{"sbl.dq.spamhaus.net", "sbl", false},
    KnownZone{"xbl.dq.spamhaus.net", "xbl", false},
    KnownZone{"pbl.dq.spamhaus.net", "pbl", false},
    KnownZone{"dbl.dq.spamhaus.net", "dbl", false},
    KnownZone{"dbl.spamhaus.org", "dbl", true},
    KnownZone{"zen.spamhaus.org", "zen", true},
    KnownZone{"sbl-xbl.spamhaus.org", "sbl-xbl", true},
    KnownZone{"sbl.spamhaus.org", "sbl", true},
    KnownZone{"xbl.spamhaus.org", "xbl", true},
    KnownZone{"pbl.spamhaus.org", "pbl", true},
    KnownZone{"list.dnswl.org", "dnswl", true},
    KnownZone{"bl.spamcop.net", "spamcop", false},
    KnownZone{"b.barracudacentral.org", "barracuda", false},
    KnownZone{"psbl.surriel.com", "psbl", false},
    KnownZone{"dnsbl-1.uceprotect.net", "uceprotect1", false},
    KnownZone{"bl.mailspike.net", "mailspike", false},
    KnownZone{"wl.mailspike.net", "mailspike-good", false},
    KnownZone{"hostkarma.junkemailfilter.com", "hostkarma", false},
    KnownZone{"multi.surbl.org", "surbl", true},
    KnownZone{"multi.uribl.com", "uribl", true},
};

struct KnownCode {
  std::string_view list;  // a label of kZones
  std::string_view codes;
  std::string_view meaning;
};

// docs.spamhaus.com "Available Zones" (for .5 to .7 the older FAQ), dnswl.org as quoted on
// mail-archive.com/community@mailsbestfriend.com/msg00263.html; read in November 2026.
constexpr std::array kCodes{
    KnownCode{"zen", "127.0.0.2", "SBL (spam source)"},
    KnownCode{"zen", "127.0.0.3", "CSS (snowshoe spam, poor reputation)"},
    KnownCode{"zen", "127.0.0.[4..7]", "XBL (exploit)"},
    KnownCode{"zen", "127.0.0.9", "DROP (network of criminals)"},
    KnownCode{"zen", "127.0.0.[10..11]", "PBL (sends no mail directly)"},
    KnownCode{"zen", "127.0.0.30", "BCL (botnet controller)"},
    KnownCode{"sbl-xbl", "127.0.0.2", "SBL (spam source)"},
    KnownCode{"sbl-xbl", "127.0.0.3", "CSS (snowshoe spam, poor reputation)"},
    KnownCode{"sbl-xbl", "127.0.0.[4..7]", "XBL (exploit)"},
    KnownCode{"sbl-xbl", "127.0.0.9", "DROP (network of criminals)"},
    KnownCode{"sbl", "127.0.0.2", "SBL (spam source)"},
    KnownCode{"sbl", "127.0.0.3", "CSS (snowshoe spam, poor reputation)"},
    KnownCode{"sbl", "127.0.0.9", "DROP (network of criminals)"},
    KnownCode{"xbl", "127.0.0.[4..7]", "XBL (exploit)"},
    KnownCode{"pbl", "127.0.0.[10..11]", "PBL (sends no mail directly)"},
    KnownCode{"dbl", "127.0.1.2", "spam domain"},
    KnownCode{"dbl", "127.0.1.4", "phishing domain"},
    KnownCode{"dbl", "127.0.1.5", "malware domain"},
    KnownCode{"dbl", "127.0.1.6", "botnet domain"},
    KnownCode{"dbl", "127.0.1.[102..106]", "abused domain of somebody honest"},
    KnownCode{"dnswl", "127.0.[0..254].0", "trust none"},
    KnownCode{"dnswl", "127.0.[0..254].1", "trust low"},
    KnownCode{"dnswl", "127.0.[0..254].2", "trust medium"},
    KnownCode{"dnswl", "127.0.[0..254].3", "trust high"},
};

// "zen.spamhaus.org" lies in "spamhaus.org", and so does "spamhaus.org" itself.
bool lies_in(std::string_view zone, std::string_view parent) {
  if (zone.size() < parent.size()) {
    return false;
  }
  const std::size_t rest = zone.size() - parent.size();
  return equals_ignoring_case(zone.substr(rest), parent) && (rest == 0 || zone[rest - 1] == '.');
}

template <typename Table>
auto find_zone(const Table& table, std::string_view zone) {
  return std::find_if(table.begin(), table.end(),
                      [&](const auto& known) { return lies_in(zone, known.zone); });
}

const std::vector<CodePattern>& patterns() {
  static const std::vector<CodePattern> parsed = [] {
    std::vector<CodePattern> out;
    for (const KnownCode& code : kCodes) {
      out.push_back(CodePattern::parse(code.codes).value());
    }
    return out;
  }();
  return parsed;
}

}  // namespace

std::string_view known_label(std::string_view zone) {
  const auto* const known = find_zone(kZones, zone);
  return known == kZones.end() ? std::string_view() : known->label;
}

std::string_view known_meaning(std::string_view zone, const IpAddress& code) {
  const std::string_view label = known_label(zone);
  for (std::size_t i = 0; !label.empty() && i < kCodes.size(); ++i) {
    if (kCodes.at(i).list == label && patterns()[i].matches(code)) {
      return kCodes.at(i).meaning;
    }
  }
  return {};
}

bool refuses_public_resolvers(std::string_view zone) {
  const auto* const known = find_zone(kZones, zone);
  return known != kZones.end() && known->refuses_public_resolvers;
}

std::string retirement(std::string_view zone) {
  for (std::string_view line : retired_lists()) {
    const auto cut = [&line] {
      const auto end = std::min(line.find(' '), line.size());
      const std::string_view word = line.substr(0, end);
      line.remove_prefix(std::min(end + 1, line.size()));
      return word;
    };
    if (lies_in(zone, cut())) {
      const std::string_view since = cut();
      return "closed in " + std::string(since) + " (" + std::string(line) + ")";
    }
  }
  return {};
}

}  // namespace smtpguard::dns
