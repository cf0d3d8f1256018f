// envelope — can the sender's domain be answered at all (RFC 5321 3.6.1, RFC 7505), does a stranger
// send in our own name, goes a bounce to many, and does the client write to addresses that nobody
// ever gave it? Forwarders keep the sender, so our own name from outside is a sign, not a proof.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "conf/base/text.hpp"
#include "conf/reader.hpp"
#include "filters/filter.hpp"

namespace smtpguard::filters {
namespace {

constexpr std::array kTests{
    Test{
        .name = "envelope.no_domain",
        .lenient = kObserve,
        .balanced = points(6),
        .strict = kRequire,
        .says = "the domain of the sender has no mail server and no address",
        .mend = "send in the name of a domain that takes mail",
        .enhanced = "1.8",
        .about = Test::About::Sender,
    },
    Test{
        .name = "envelope.null_mx",
        .lenient = kObserve,
        .balanced = points(6),
        .strict = kRequire,
        .says = "the domain of the sender takes no mail (null MX)",
        .mend = "send in the name of a domain that takes mail",
        .enhanced = "7.27",
        .about = Test::About::Sender,
    },
    Test{
        .name = "envelope.own_domain",
        .lenient = kObserve,
        .balanced = points(2),
        .strict = points(3),
        .says = "the sender is of this site, and your server is not",
        .mend = "send in your own name",
        .about = Test::About::Sender,
    },
    Test{
        .name = "envelope.bounce_to_many",
        .lenient = kObserve,
        .balanced = points(6),
        .strict = kRequire,
        .says = "a bounce goes to one recipient",
        .mend = "",
        .enhanced = "5.3",
        .about = Test::About::Sender,
    },
    Test{
        .name = "envelope.trap",
        .lenient = kRequire,
        .balanced = kRequire,
        .strict = kRequire,
        .says = "your server writes to addresses that never asked for mail",
        .mend = "clean your lists",
    },
};
constexpr const Test& kNoDomain = kTests[0];
constexpr const Test& kNullMx = kTests[1];
constexpr const Test& kOwnDomain = kTests[2];
constexpr const Test& kBounceToMany = kTests[3];
constexpr const Test& kTrap = kTests[4];

constexpr conf::Range<std::uint32_t> kRecipients{1, 1000};

bool is_null(const Mailbox& sender) {
  return sender.local_part.empty() && sender.domain.empty();
}

// Address literals and names in UTF-8 cannot be looked up, and are no fault.
bool can_be_asked(const std::string& domain) {
  return domain.find('.') != std::string::npos && is_host_name(domain);
}

bool has_null_mx(const dns::Answer& mx) {
  return mx.unusable() == 0 && mx.exchangers().size() == 1 && mx.exchangers().front().host.empty();
}

class Envelope final : public Filter {
 public:
  Envelope(RecipientDomains ours, RecipientPatterns traps, std::uint32_t bounce_recipients)
      : ours_(std::move(ours)), traps_(std::move(traps)), bounce_recipients_(bounce_recipients) {}

  // An address serves where there is no MX (RFC 5321 5.1); it is asked for only then.
  void wants(const SessionFacts& facts, std::vector<dns::Question>& questions) const override {
    if (!facts.sender || !can_be_asked(facts.sender->domain) ||
        ours_.contains(facts.sender->domain)) {
      return;
    }
    const std::string& domain = facts.sender->domain;
    questions.push_back({domain, dns::RecordType::MX});
    const dns::Answer* const mx = facts.dns.find(domain, dns::RecordType::MX);
    if (mx != nullptr && mx->outcome == dns::Outcome::NoData) {
      questions.push_back({domain, dns::RecordType::A});
      questions.push_back({domain, dns::RecordType::AAAA});
    }
  }

  void judge(const SessionFacts& facts, Findings& findings) const override {
    if (facts.sender) {
      judge_sender(*facts.sender, facts, findings);
    }
    if (facts.recipient &&
        (traps_.has_address(facts.recipient->local_part, facts.recipient->domain) ||
         traps_.has_domain(facts.recipient->domain))) {
      findings.push_back(failed(kTrap, facts.recipient->address()));
    }
  }

 private:
  void judge_sender(const Mailbox& sender, const SessionFacts& facts, Findings& findings) const {
    if (is_null(sender)) {
      if (facts.recipients > bounce_recipients_) {
        findings.push_back(failed(kBounceToMany, fmt::format("{} recipients", facts.recipients)));
      }
    } else if (!sender.domain.empty() && ours_.contains(sender.domain)) {
      findings.push_back(failed(kOwnDomain, sender.address()));
    } else if (can_be_asked(sender.domain)) {
      judge_domain(sender.domain, facts, findings);
    }
  }

  static void judge_domain(const std::string& domain, const SessionFacts& facts,
                           Findings& findings) {
    const auto unknown = [&](const dns::Answer& answer) {
      findings.push_back(
          not_known(kNoDomain, fmt::format("{}: {}", domain, dns::to_string(answer.outcome))));
    };
    const dns::Answer* const mx = facts.dns.find(domain, dns::RecordType::MX);
    if (mx == nullptr) {
      return;
    }
    if (dns::is_trouble(mx->outcome)) {
      return unknown(*mx);
    }
    if (mx->outcome == dns::Outcome::NoSuchName) {
      findings.push_back(failed(kNoDomain, fmt::format("{}: no such name", domain)));
      return;
    }
    if (mx->outcome == dns::Outcome::Found) {
      if (has_null_mx(*mx)) {
        findings.push_back(failed(kNullMx, domain));
      }
      return;
    }
    const std::array addresses{facts.dns.find(domain, dns::RecordType::A),
                               facts.dns.find(domain, dns::RecordType::AAAA)};
    for (const dns::Answer* answer : addresses) {
      if (answer == nullptr || answer->outcome == dns::Outcome::Found) {
        return;
      }
    }
    for (const dns::Answer* answer : addresses) {
      if (dns::is_trouble(answer->outcome)) {
        return unknown(*answer);
      }
    }
    findings.push_back(failed(kNoDomain, fmt::format("{}: no MX and no address", domain)));
  }

  RecipientDomains ours_;
  RecipientPatterns traps_;
  std::uint32_t bounce_recipients_;
};

std::unique_ptr<const Filter> make_envelope(conf::Reader section, const Site& site) {
  // Receipts for an alias with a few readers arrive as one message.
  std::uint32_t bounce_recipients = 5;
  section.integer("bounce_recipients", bounce_recipients, kRecipients);
  return std::make_unique<Envelope>(site.recipients, read_recipient_patterns(section, "traps"),
                                    bounce_recipients);
}

}  // namespace

extern const FilterKind kEnvelope;
const FilterKind kEnvelope{
    "envelope", FilterKind::Scope::Strangers, kTests,
    [](conf::Reader& root, const Site& site) -> std::unique_ptr<const Filter> {
      return make_envelope(root.section("envelope"), site);
    }};

}  // namespace smtpguard::filters
