// rdns — has the client's address a name, does the name lead back to it, and does it name a server
// or any line of a provider (RFC 1912 2.1)? Who runs a mail server can have all of it; most bots
// cannot. At most the first five names of a PTR are checked.
#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "filters/filter.hpp"
#include "filters/names.hpp"
#include "filters/own_name.hpp"
#include "filters/reverse.hpp"

namespace smtpguard::filters {
namespace {

constexpr std::array kTests{
    Test{
        .name = "rdns.none",
        .lenient = kObserve,
        .balanced = points(4),
        .strict = points(3),
        .says = "your address has no reverse name",
        .mend = "ask your provider to set one (PTR), and publish its address",
        .enhanced = "7.25",
    },
    Test{
        .name = "rdns.unconfirmed",
        .lenient = kObserve,
        .balanced = points(4),
        .strict = points(3),
        .says = "the reverse name of your address does not lead back to it",
        .mend = "publish your address (A or AAAA) for that name",
        .enhanced = "7.25",
    },
    Test{
        .name = "rdns.generic",
        .lenient = kObserve,
        .balanced = points(3),
        .strict = points(2),
        .says = "the reverse name of your address is one that a provider gives to any line",
        .mend = "ask your provider to set the name of your mail server",
        .enhanced = "7.25",
    },
};
constexpr const Test& kNone = kTests[0];
constexpr const Test& kUnconfirmed = kTests[1];
constexpr const Test& kGeneric = kTests[2];

// The sign of the first name, if all names have one: a name of its own among others will do.
std::string generic_evidence(const SessionFacts& facts) {
  const IpAddress& client = facts.client.address;
  const ReverseNames reverse = reverse_names_of(facts);
  const auto& names = reverse.confirmed.empty() ? reverse.others : reverse.confirmed;
  std::string evidence;
  for (const std::string& name : names) {
    const std::string sign = generic_sign(name, client);
    if (sign.empty()) {
      return {};
    }
    if (evidence.empty()) {
      evidence = fmt::format("{}: {}", name, sign);
    }
  }
  return evidence;
}

class Rdns final : public Filter {
 public:
  void wants(const SessionFacts& facts, std::vector<dns::Question>& questions) const override {
    want_reverse(facts, questions);
    // Asked again with every answer: what costs something comes last.
    if (!facts.helo.empty() && !generic_evidence(facts).empty()) {
      want_own_name(facts, questions);
    }
  }

  void judge(const SessionFacts& facts, Findings& findings) const override {
    const auto reverse = reverse_of(facts);
    if (!reverse) {
      return;
    }
    judge_confirmation(*reverse, facts, findings);
    const std::string evidence = generic_evidence(facts);
    // What was reported stands; so nothing is before HELO, which may excuse it.
    if (evidence.empty() || facts.helo.empty() || own_name_of(facts) != OwnName::No) {
      return;
    }
    findings.push_back(reverse_names_of(facts).is_complete ? failed(kGeneric, evidence)
                                                           : not_known(kGeneric, evidence));
  }

 private:
  static void judge_confirmation(const dns::ReverseIdentity& reverse, const SessionFacts& facts,
                                 Findings& findings) {
    const std::string asked = dns::reverse_name(facts.client.address);
    const dns::Answer* const ptr = facts.dns.find(asked, dns::RecordType::PTR);
    switch (reverse.confirmation) {
      case dns::Confirmation::Confirmed:
        return;
      case dns::Confirmation::None:
        findings.push_back(failed(kNone, asked));
        return;
      case dns::Confirmation::Unconfirmed:
        findings.push_back(failed(kUnconfirmed, reverse.name.empty()
                                                    ? std::string("no name that may be used")
                                                    : reverse.name));
        return;
      case dns::Confirmation::TempError:
        // Of the PTR itself, or of the names that it gave.
        if (dns::is_trouble(ptr->outcome)) {
          findings.push_back(
              not_known(kNone, fmt::format("{}: {}", asked, dns::to_string(ptr->outcome))));
        } else {
          findings.push_back(not_known(kUnconfirmed, reverse.name));
        }
        return;
    }
  }
};

}  // namespace

extern const FilterKind kRdns;
const FilterKind kRdns{
    "rdns", FilterKind::Scope::Strangers, kTests,
    [](conf::Reader& /*root*/, const Site& /*site*/) -> std::unique_ptr<const Filter> {
      return std::make_unique<Rdns>();
    }};

}  // namespace smtpguard::filters
