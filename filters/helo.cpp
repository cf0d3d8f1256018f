// helo — what does the client call itself, and can that be true (RFC 5321 2.3.5, 4.1.1.1, 4.1.4)? A
// name that is none, lies, is an address, or belongs to no place on the Internet; a name that does
// not lead anywhere, or not to the reverse name of the client. A missing name is no matter of
// judgement: SMTP itself answers 501, and 503 without HELO.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/base/text.hpp"
#include "conf/reader.hpp"
#include "filters/filter.hpp"
#include "filters/helo_name.hpp"
#include "filters/names.hpp"
#include "filters/own_name.hpp"
#include "filters/reverse.hpp"

namespace smtpguard::filters {
namespace {

constexpr std::string_view kSayYourName =
    "let it say its own full name, with an address in the DNS";

constexpr std::array kTests{
    Test{
        .name = "helo.self",
        .lenient = kRequire,
        .balanced = kRequire,
        .strict = kRequire,
        .says = "your server says HELO with our own name or address",
        .mend = kSayYourName,
    },
    Test{
        .name = "helo.bot_name",
        .lenient = points(6),
        .balanced = kRequire,
        .strict = kRequire,
        .says = "your server says HELO with a name that only bots use",
        .mend = kSayYourName,
    },
    Test{
        .name = "helo.literal_mismatch",
        .lenient = kObserve,
        .balanced = points(6),
        .strict = kRequire,
        .says = "your server says HELO with an address that it does not have",
        .mend = kSayYourName,
    },
    Test{
        .name = "helo.impersonates",
        .lenient = kObserve,
        .balanced = points(6),
        .strict = kRequire,
        .says = "your server says HELO with the name of a company that it does not belong to",
        .mend = kSayYourName,
    },
    Test{
        .name = "helo.unqualified",
        .lenient = kObserve,
        .balanced = points(4),
        .strict = kRequire,
        .says = "your server says HELO with a name that is not fully qualified",
        .mend = kSayYourName,
    },
    Test{
        .name = "helo.reserved",
        .lenient = kObserve,
        .balanced = points(4),
        .strict = kRequire,
        .says = "your server says HELO with a name that exists in private networks only",
        .mend = kSayYourName,
    },
    Test{
        .name = "helo.documentation",
        .lenient = kObserve,
        .balanced = points(4),
        .strict = kRequire,
        .says = "your server says HELO with a name from documentation (RFC 2606)",
        .mend = kSayYourName,
    },
    Test{
        .name = "helo.bare_address",
        .lenient = kObserve,
        .balanced = points(4),
        .strict = kRequire,
        .says = "your server says HELO with an address instead of a name",
        .mend = kSayYourName,
    },
    Test{
        .name = "helo.literal",
        .lenient = kObserve,
        .balanced = points(2),
        .strict = points(3),
        .says = "your server says HELO with an address literal instead of a name",
        .mend = kSayYourName,
    },
    Test{
        .name = "helo.changed",
        .lenient = kObserve,
        .balanced = points(2),
        .strict = points(3),
        .says = "your server changed its HELO name within the session",
        .mend = "let it keep to one name",
    },
    Test{
        .name = "helo.generic",
        .lenient = kObserve,
        .balanced = points(3),
        .strict = points(3),
        .says = "the HELO name of your server is its provider's, not its own",
        .mend = "give it a name of its own",
    },
    Test{
        .name = "helo.no_forward",
        .lenient = kObserve,
        .balanced = points(1),
        .strict = points(2),
        .says = "the HELO name of your server is not in the DNS",
        .mend = "publish an address (A or AAAA) for it",
    },
    Test{
        .name = "helo.not_rdns",
        .lenient = kObserve,
        .balanced = points(1),
        .strict = points(1),
        .says = "the HELO name of your server and its reverse name are not of one domain",
        .mend = "let both be the same",
    },
    Test{
        .name = "helo.plain",
        .lenient = kObserve,
        .balanced = points(1),
        .strict = points(1),
        .says = "nothing shows that the HELO name of your server is a mail server's",
        .mend = "give its address the same name as reverse name (PTR)",
    },
    Test{
        .name = "helo.random",
        .lenient = kObserve,
        .balanced = points(2),
        .strict = points(3),
        .says = "the HELO name of your server looks made up by a program",
        .mend = "give it a name that can be read",
    },
    Test{
        .name = "helo.abused_domain",
        .lenient = kObserve,
        .balanced = points(1),
        .strict = points(1),
        .says = "the HELO name of your server is in a top-level domain known for abuse",
        .mend = "let all else be right: reverse name, HELO name and its address",
    },
};
constexpr const Test& kSelf = kTests[0];
constexpr const Test& kBotName = kTests[1];
constexpr const Test& kLiteralMismatch = kTests[2];
constexpr const Test& kImpersonates = kTests[3];
constexpr const Test& kUnqualified = kTests[4];
constexpr const Test& kReserved = kTests[5];
constexpr const Test& kDocumentation = kTests[6];
constexpr const Test& kBareAddress = kTests[7];
constexpr const Test& kLiteral = kTests[8];
constexpr const Test& kChanged = kTests[9];
constexpr const Test& kGeneric = kTests[10];
constexpr const Test& kNoForward = kTests[11];
constexpr const Test& kNotRdns = kTests[12];
constexpr const Test& kPlain = kTests[13];
constexpr const Test& kRandom = kTests[14];
constexpr const Test& kAbusedDomain = kTests[15];

// The fault that the look of the name shows; one at most.
const Test* fault_of(HeloKind kind) {
  switch (kind) {
    case HeloKind::Name:
      return nullptr;
    case HeloKind::Self:
      return &kSelf;
    case HeloKind::BotName:
      return &kBotName;
    case HeloKind::Literal:
      return &kLiteral;
    case HeloKind::WrongLiteral:
      return &kLiteralMismatch;
    case HeloKind::BareAddress:
      return &kBareAddress;
    case HeloKind::Unqualified:
      return &kUnqualified;
    case HeloKind::Reserved:
      return &kReserved;
    case HeloKind::Documentation:
      return &kDocumentation;
  }
  return nullptr;
}

bool is_found(const dns::Answer* answer) {
  return answer != nullptr && answer->outcome == dns::Outcome::Found;
}

bool says_no_name(const dns::Answer* answer) {
  return answer != nullptr && answer->outcome == dns::Outcome::NoSuchName;
}

// A null MX (RFC 7505) leads nowhere.
bool leads_somewhere(const dns::Answer& mx) {
  return mx.unusable() > 0 ||
         std::any_of(mx.exchangers().begin(), mx.exchangers().end(),
                     [](const auto& exchanger) { return !exchanger.host.empty(); });
}

// The name of a big company, but neither a confirmed reverse name there nor an address of theirs.
bool claims_company(std::string_view name, const IpAddress& client, const ReverseNames& reverse) {
  const Company* const company = company_of(name);
  if (company == nullptr || company->networks.contains(client)) {
    return false;
  }
  return std::none_of(
      reverse.confirmed.begin(), reverse.confirmed.end(), [&](const std::string& confirmed) {
        return std::any_of(
            company->servers.begin(), company->servers.end(),
            [&](std::string_view domain) { return is_at_or_below(confirmed, domain); });
      });
}

// What shows that the name is the provider's: of a line, as a reverse name is; or that of the
// provider itself, said from a line whose reverse name he made up.
std::string provider_sign(std::string_view name, const IpAddress& client,
                          const ReverseNames& reverse) {
  std::string sign = generic_sign(name, client);
  if (!sign.empty() || is_called_mail_server(name)) {
    return sign;
  }
  const auto& names = reverse.confirmed.empty() ? reverse.others : reverse.confirmed;
  for (const std::string& line : names) {
    const std::string line_sign = generic_sign(line, client);
    if (line_sign.empty() || !is_same_organisation(name, line)) {
      return {};
    }
    sign = fmt::format("PTR {}", line);
  }
  return sign;
}

class Helo final : public Filter {
 public:
  Helo(const Site& site, std::vector<std::string> bot_names)
      : hostname_(site.hostname), addresses_(site.addresses), bot_names_(std::move(bot_names)) {}

  void wants(const SessionFacts& facts, std::vector<dns::Question>& questions) const override {
    if (facts.helo.empty() || kind(facts) != HeloKind::Name) {
      return;
    }
    want_reverse(facts, questions);
    const std::string name(without_root_dot(facts.helo));
    const dns::Answer* const v4 = facts.dns.find(name, dns::RecordType::A);
    const dns::Answer* const v6 = facts.dns.find(name, dns::RecordType::AAAA);
    if (is_found(v4) || is_found(v6)) {
      return;
    }
    questions.push_back({name, dns::RecordType::A});
    questions.push_back({name, dns::RecordType::AAAA});
    // After trouble with those, MX would tell nothing more.
    const bool both_say = v4 != nullptr && v6 != nullptr && !dns::is_trouble(v4->outcome) &&
                          !dns::is_trouble(v6->outcome);
    if (both_say && !(says_no_name(v4) && says_no_name(v6))) {
      questions.push_back({name, dns::RecordType::MX});
    }
  }

  void judge(const SessionFacts& facts, Findings& findings) const override {
    if (facts.helo.empty()) {
      return;
    }
    const HeloKind kind_of_name = kind(facts);
    if (const Test* const fault = fault_of(kind_of_name)) {
      findings.push_back(failed(*fault, facts.helo));
    }
    if (const std::uint32_t times = facts.misbehaviour.helo_changes; times > 0) {
      findings.push_back(failed(kChanged, fmt::format("changes: {}, now {}", times, facts.helo)));
    }
    if (kind_of_name == HeloKind::Name) {
      const std::string_view name = without_root_dot(facts.helo);
      judge_look(name, findings);
      judge_forward(name, facts, findings);
      judge_against_reverse(name, facts, findings);
    }
  }

 private:
  HeloKind kind(const SessionFacts& facts) const {
    HeloContext context{facts.client.address, hostname_, addresses_, &bot_names_};
    // A listener on all addresses is known by the one that the client came to.
    context.addresses.push_back(facts.listener.address);
    return kind_of(facts.helo, context);
  }

  // Only what the DNS really says is a fault: no such name, or nothing for it.
  static void judge_forward(std::string_view name, const SessionFacts& facts, Findings& findings) {
    const dns::Answer* const v4 = facts.dns.find(name, dns::RecordType::A);
    const dns::Answer* const v6 = facts.dns.find(name, dns::RecordType::AAAA);
    if (is_found(v4) || is_found(v6) || v4 == nullptr || v6 == nullptr) {
      return;
    }
    for (const dns::Answer* answer : {v4, v6}) {
      if (dns::is_trouble(answer->outcome)) {
        findings.push_back(
            not_known(kNoForward, fmt::format("{}: {}", name, dns::to_string(answer->outcome))));
        return;
      }
    }
    if (says_no_name(v4) && says_no_name(v6)) {
      findings.push_back(failed(kNoForward, fmt::format("{}: no such name", name)));
      return;
    }
    const dns::Answer* const mx = facts.dns.find(name, dns::RecordType::MX);
    if (mx == nullptr) {
      return;
    }
    if (dns::is_trouble(mx->outcome)) {
      findings.push_back(
          not_known(kNoForward, fmt::format("{} MX: {}", name, dns::to_string(mx->outcome))));
    } else if (!leads_somewhere(*mx)) {
      findings.push_back(failed(kNoForward, fmt::format("{}: no address and no MX", name)));
    }
  }

  static void judge_look(std::string_view name, Findings& findings) {
    if (const std::string label = hex_label(name); !label.empty()) {
      findings.push_back(failed(kRandom, fmt::format("{}: {}", name, label)));
    }
    if (!abused_domain(name).empty()) {
      findings.push_back(failed(kAbusedDomain, std::string(name)));
    }
  }

  static void judge_against_reverse(std::string_view name, const SessionFacts& facts,
                                    Findings& findings) {
    const auto reverse = reverse_of(facts);
    if (!reverse) {
      return;
    }
    const ReverseNames names = reverse_names_of(facts);
    const std::string evidence =
        fmt::format("{}, PTR {}", name,
                    reverse->name.empty() ? dns::to_string(reverse->confirmation) : reverse->name);
    const auto report = [&](const Test& test, std::string what) {
      findings.push_back(names.is_complete ? failed(test, std::move(what))
                                           : not_known(test, std::move(what)));
    };
    if (claims_company(name, facts.client.address, names)) {
      report(kImpersonates, evidence);
    }
    if (const std::string sign = provider_sign(name, facts.client.address, names); !sign.empty()) {
      report(kGeneric, fmt::format("{}: {}", name, sign));
    }
    const bool is_of_one_domain = std::any_of(
        names.confirmed.begin(), names.confirmed.end(),
        [&](const std::string& confirmed) { return is_same_organisation(name, confirmed); });
    if (is_of_one_domain || own_name_of(facts) != OwnName::No) {
      return;
    }
    // Without a confirmed name there is nothing to compare with: that is told by rdns.
    if (!names.confirmed.empty()) {
      report(kNotRdns, evidence);
    }
    if (!is_called_mail_server(name)) {
      report(kPlain, evidence);
    }
    if (const std::string label = unspeakable_label(name);
        !label.empty() && hex_label(name).empty()) {
      report(kRandom, fmt::format("{}: {}", name, label));
    }
  }

  std::string hostname_;
  std::vector<IpAddress> addresses_;
  std::vector<std::string> bot_names_;
};

std::vector<std::string> read_bot_names(conf::Reader section) {
  std::vector<std::string> names;
  for (const auto& [name, place] : section.strings("bot_names")) {
    if (name.empty()) {
      section.error("bot_names", place, "an empty name");
    }
    names.push_back(name);
  }
  return names;
}

}  // namespace

extern const FilterKind kHelo;
const FilterKind kHelo{"helo", FilterKind::Scope::Strangers, kTests,
                       [](conf::Reader& root, const Site& site) -> std::unique_ptr<const Filter> {
                         return std::make_unique<Helo>(site, read_bot_names(root.section("helo")));
                       }};

}  // namespace smtpguard::filters
