// dnsbl — does a DNS list know the client, or a domain that it names: for its spam, or (lists like
// DNSWL) for its good mail?
// Only codes that are configured count. Error codes, answers outside 127/8, silence and refusals of
// a list, and lists that fail their self-test say nothing about the client: Outcome::TempError.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "conf/base/text.hpp"
#include "dns/reverse_name.hpp"
#include "filters/dns_lists.hpp"
#include "filters/filter.hpp"
#include "filters/public_suffix.hpp"
#include "filters/reverse.hpp"

namespace smtpguard::filters {
namespace {

// What one list says weighs what the list's codes weigh; here stands only that it counts.
constexpr std::array kTests{Test{
    .name = "dnsbl",
    .lenient = points(0),
    .balanced = points(0),
    .strict = points(0),
    .says = "your address is on a DNS list",
    .mend = "ask the operator of the list",
    .is_family = true,
}};
constexpr const Test& kTest = kTests[0];

constexpr std::string_view kOfSender = ".sender";

// One question of a list about this session.
struct Entry {
  std::string_view what;  // "helo", "ptr", "sender"; empty: the address
  std::string subject;    // the domain; empty: the address
  std::string name;       // that is asked
};

// The domain whose owner answers for the name; empty: none. Strangers share the suffixes that
// hosting companies let, so these count as suffixes.
std::string domain_of(std::string_view name) {
  return dns::is_usable_host(name) ? to_lower(organisational_domain(name, Suffixes::All))
                                   : std::string();
}

class Dnsbl final : public Filter {
 public:
  explicit Dnsbl(std::vector<DnsList> lists) : lists_(std::move(lists)) {}

  void wants(const SessionFacts& facts, std::vector<dns::Question>& questions) const override {
    for (const DnsList& list : lists_) {
      if (!is_asked(list, facts) || trouble_of(list, facts) != nullptr) {
        continue;
      }
      if (list.has_ptr) {
        want_reverse(facts, questions);
      }
      for (Entry& entry : entries_of(list, facts)) {
        questions.push_back({std::move(entry.name), dns::RecordType::A});
      }
    }
  }

  void judge(const SessionFacts& facts, Findings& findings) const override {
    for (const DnsList& list : lists_) {
      if (is_asked(list, facts)) {
        look_at(list, facts, findings);
      }
    }
  }

  std::int32_t hope(const SessionFacts& facts) const override {
    std::int32_t sum = 0;
    for (const DnsList& list : lists_) {
      const bool may_save =
          list.least_score() < 0 && is_asked(list, facts) && trouble_of(list, facts) == nullptr;
      if (!may_save) {
        continue;
      }
      const auto entries = entries_of(list, facts);
      if (std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
            return facts.dns.is_open(entry.name, dns::RecordType::A);
          })) {
        sum += list.least_score();
      }
    }
    return sum;
  }

 private:
  static bool is_asked(const DnsList& list, const SessionFacts& facts) {
    return list.is_of_names() || list.has(facts.client.address.family());
  }

  // What follows from the facts so far; a domain that is there twice is asked once.
  static std::vector<Entry> entries_of(const DnsList& list, const SessionFacts& facts) {
    if (!list.is_of_names()) {
      return {{"", "", dns::list_name(facts.client.address, list.zone, list.ipv6_nibbles)}};
    }
    std::vector<Entry> entries;
    const auto add = [&](std::string_view what, std::string_view name) {
      std::string domain = domain_of(name);
      const bool is_there = std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
        return entry.subject == domain;
      });
      if (!domain.empty() && !is_there) {
        std::string asked = domain + '.' + list.zone;
        entries.push_back({what, std::move(domain), std::move(asked)});
      }
    };
    if (list.has_ptr) {
      const auto reverse = reverse_of(facts);
      if (reverse && reverse->confirmation == dns::Confirmation::Confirmed) {
        add("ptr", reverse->name);
      }
    }
    if (list.has_helo) {
      add("helo", facts.helo);
    }
    if (list.has_sender && facts.sender) {
      add("sender", facts.sender->domain);
    }
    return entries;
  }

  // Why the list does not count at present.
  static const std::string* trouble_of(const DnsList& list, const SessionFacts& facts) {
    return facts.lists == nullptr
               ? nullptr
               : facts.lists->trouble_of(list.zone, list.kind_for(facts.client.address.family()));
  }

  static void look_at(const DnsList& list, const SessionFacts& facts, Findings& findings) {
    if (const std::string* trouble = trouble_of(list, facts)) {
      findings.push_back(not_known(kTest, fmt::format("{}: {}", list.shown_zone, *trouble)));
      findings.back().label = list.label;
      return;
    }
    // Of the names of the client the worst counts, once; the sender is another matter.
    std::vector<Entry> of_client;
    std::vector<Entry> of_sender;
    for (Entry& entry : entries_of(list, facts)) {
      (entry.what == "sender" ? of_sender : of_client).push_back(std::move(entry));
    }
    if (!of_client.empty()) {
      findings.push_back(judge_entries(list, of_client, facts));
      findings.back().label = list.label;
    }
    if (!of_sender.empty()) {
      findings.push_back(judge_entries(list, of_sender, facts));
      findings.back().label = list.label + std::string(kOfSender);
      findings.back().about = Test::About::Sender;
    }
  }

  // The one that says most.
  static Finding judge_entries(const DnsList& list, const std::vector<Entry>& entries,
                               const SessionFacts& facts) {
    const auto rank = [](const Finding& finding) {
      const std::int32_t score = finding.weight ? std::abs(finding.weight->score) + 1 : 0;
      return std::pair(score, finding.outcome == Outcome::TempError);
    };
    Finding most = judge_entry(list, entries.front(), facts);
    for (std::size_t i = 1; i < entries.size(); ++i) {
      Finding finding = judge_entry(list, entries[i], facts);
      if (rank(finding) > rank(most)) {
        most = std::move(finding);
      }
    }
    return most;
  }

  static Finding judge_entry(const DnsList& list, const Entry& entry, const SessionFacts& facts) {
    const dns::Answer* answer = facts.dns.find(entry.name, dns::RecordType::A);
    if (answer == nullptr) {
      return skipped(kTest);
    }
    const ListOpinion opinion = opinion_of(list, *answer);
    switch (opinion.answer.kind) {
      case dns::ListAnswer::Kind::NotListed:
        return list.kind == dns::ListKind::Allow ? skipped(kTest) : passed(kTest);
      case dns::ListAnswer::Kind::Trouble:
      case dns::ListAnswer::Kind::Error:
        return not_known(kTest, fmt::format("{}: {}", list.shown_zone, opinion.words));
      case dns::ListAnswer::Kind::Listed:
        break;
    }
    const bool is_allow = list.kind == dns::ListKind::Allow;
    Finding finding = is_allow ? passed(kTest) : failed(kTest, {});
    finding.detail = entry.what.empty() ? fmt::format("{} {}", list.shown_zone, opinion.words)
                                        : fmt::format("{} {} {} {}", list.shown_zone, entry.what,
                                                      entry.subject, opinion.words);
    finding.weight = Weight{list.mode, opinion.score};
    finding.valid_for = answer->ttl;
    if (!is_allow) {
      finding.says = says(list, entry.what, facts.client.address);
    }
    return finding;
  }

  // Never the list's own text: TXT records are as hostile as whoever holds a given-up zone. Nor
  // what the client said.
  static std::string says(const DnsList& list, std::string_view what, const IpAddress& client) {
    const std::string help = list.help_for(client);
    std::string who = client.to_string();
    if (what == "helo") {
      who = "the domain that you name in HELO";
    } else if (what == "ptr") {
      who = "the domain of your reverse name";
    } else if (what == "sender") {
      who = "the domain of the sender";
    }
    return fmt::format("{} is listed by {}{}{}", who, list.shown_zone, help.empty() ? "" : ", see ",
                       help);
  }

  std::vector<DnsList> lists_;
};

}  // namespace

extern const FilterKind kDnsbl;
const FilterKind kDnsbl{
    "dnsbl", FilterKind::Scope::Strangers, kTests,
    [](conf::Reader& /*root*/, const Site& site) -> std::unique_ptr<const Filter> {
      return std::make_unique<Dnsbl>(site.lists);
    }};

}  // namespace smtpguard::filters
