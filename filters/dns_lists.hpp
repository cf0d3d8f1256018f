// DNS lists — the lists that are configured, what their codes weigh, and what an answer says.
// Owns: values.   Called by: the filter dnsbl, session/ListWatch, smtpguardctl dnsbl.
// Fails: never; read_dns_lists() tells what is wrong in the report.
// Well-known lists bring their codes, weights and a page for who stands on them, so that naming the
// zone is enough. They are chosen so that one listing by the whole trade (ZEN) refuses in the
// posture `balanced`, and no list of lesser standing does so alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "conf/base/ip_address.hpp"
#include "dns/answer.hpp"
#include "dns/dns_list.hpp"
#include "filters/finding.hpp"

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::filters {

struct DnsList {
  std::string zone;   // may hold a key: never shown, but by shown_zone
  std::string label;  // "zen": stands in log, reply and reasons, behind "dnsbl."
  std::string shown_zone;
  dns::ListKind kind = dns::ListKind::Block;
  Mode mode = Mode::Score;
  // What counts, and by its place: what it weighs (below 0 on an allow list), and its meaning.
  std::vector<dns::CodePattern> codes;
  struct Worth {
    std::int32_t score = 0;
    std::string meaning;

    bool operator==(const Worth&) const = default;
  };
  std::vector<Worth> worths;
  bool has_ipv4 = true;
  bool has_ipv6 = true;
  bool is_self_tested = true;
  // Where somebody who is listed finds out why, and how it ends; may be empty. "%s" is the address.
  std::string help;

  bool has(IpAddress::Family family) const {
    return family == IpAddress::Family::V4 ? has_ipv4 : has_ipv6;
  }
  // The lowest score that it can give; 0 for lists that only raise it.
  std::int32_t least_score() const;
  // "https://list.example/?ip=192.0.2.9"
  std::string help_for(const IpAddress& client) const;
};

// Reads [dnsbl] below `root`, and looks into [dns] for whose resolver is asked.
std::vector<DnsList> read_dns_lists(conf::Reader& root);

// What an answer of the list says about a client, in words for a log.
struct ListOpinion {
  dns::ListAnswer answer;
  // Of a listing: the highest of all its codes, the lowest on an allow list.
  std::int32_t score = 0;
  // "127.0.0.4 XBL (exploit)", "127.255.255.254: the list does not answer public resolvers"
  std::string words;
};
ListOpinion opinion_of(const DnsList& list, const dns::Answer& answer);

}  // namespace smtpguard::filters
