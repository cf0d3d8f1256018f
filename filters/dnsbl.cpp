// dnsbl — does a DNS list know the client: for its spam, or (lists like DNSWL) for its good mail?
// Only codes that are configured count. Error codes, answers outside 127/8, silence and refusals of
// a list, and lists that fail their self-test say nothing about the client: Outcome::TempError.
#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "dns/reverse_name.hpp"
#include "filters/dns_lists.hpp"
#include "filters/filter.hpp"

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

class Dnsbl final : public Filter {
 public:
  explicit Dnsbl(std::vector<DnsList> lists) : lists_(std::move(lists)) {}

  void wants(const SessionFacts& facts, std::vector<dns::Question>& questions) const override {
    for (const DnsList& list : lists_) {
      if (is_asked(list, facts) && trouble_of(list, facts) == nullptr) {
        questions.push_back(question_for(list, facts));
      }
    }
  }

  void judge(const SessionFacts& facts, Findings& findings) const override {
    for (const DnsList& list : lists_) {
      if (is_asked(list, facts)) {
        findings.push_back(look_at(list, facts));
        findings.back().label = list.label;
      }
    }
  }

  std::int32_t hope(const SessionFacts& facts) const override {
    std::int32_t sum = 0;
    for (const DnsList& list : lists_) {
      const bool may_save =
          list.least_score() < 0 && is_asked(list, facts) && trouble_of(list, facts) == nullptr;
      if (may_save && facts.dns.is_open(question_for(list, facts).name, dns::RecordType::A)) {
        sum += list.least_score();
      }
    }
    return sum;
  }

 private:
  static bool is_asked(const DnsList& list, const SessionFacts& facts) {
    return list.has(facts.client.address.family());
  }
  static dns::Question question_for(const DnsList& list, const SessionFacts& facts) {
    return {dns::list_name(facts.client.address, list.zone), dns::RecordType::A};
  }
  // Why the list does not count at present.
  static const std::string* trouble_of(const DnsList& list, const SessionFacts& facts) {
    return facts.lists == nullptr ? nullptr : facts.lists->trouble_of(list.zone);
  }

  static Finding look_at(const DnsList& list, const SessionFacts& facts) {
    if (const std::string* trouble = trouble_of(list, facts)) {
      return not_known(kTest, fmt::format("{}: {}", list.shown_zone, *trouble));
    }
    const dns::Answer* answer = facts.dns.find(question_for(list, facts).name, dns::RecordType::A);
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
    finding.detail = fmt::format("{} {}", list.shown_zone, opinion.words);
    finding.weight = Weight{list.mode, opinion.score};
    finding.valid_for = answer->ttl;
    if (!is_allow) {
      finding.says = says(list, facts.client.address);
    }
    return finding;
  }

  // Never the list's own text: TXT records are as hostile as whoever holds a given-up zone.
  static std::string says(const DnsList& list, const IpAddress& client) {
    const std::string help = list.help_for(client);
    return fmt::format("{} is listed by {}{}{}", client.to_string(), list.shown_zone,
                       help.empty() ? "" : ", see ", help);
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
