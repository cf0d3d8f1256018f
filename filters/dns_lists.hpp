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
  // What it is asked about: addresses, or names of clients and senders.
  bool has_ipv4 = true;
  bool has_ipv6 = true;
  bool has_helo = false;
  bool has_ptr = false;
  bool has_sender = false;
  std::size_t ipv6_nibbles = 32;  // of an address, that the list is asked for
  bool is_self_tested = true;
  std::string listed_entry;  // what it lists for tests; empty: as RFC 5782 has it
  // Where somebody who is listed finds out why, and how it ends; may be empty. "%s" is the address.
  std::string help;

  bool has(IpAddress::Family family) const {
    return !is_of_names() && (family == IpAddress::Family::V4 ? has_ipv4 : has_ipv6);
  }
  bool is_of_names() const { return has_helo || has_ptr || has_sender; }
  // Of what kinds it has entries that can be tested; never empty.
  std::vector<dns::EntryKind> entry_kinds() const;
  // Which of them says whether it works for this client.
  dns::EntryKind kind_for(IpAddress::Family family) const;
  std::string presence_name(dns::EntryKind entries) const;
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

// A name that was asked, with the key of its list left out.
std::string masked_name(std::string_view name, const std::vector<DnsList>& lists);

}  // namespace smtpguard::filters
