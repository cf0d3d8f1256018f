// access — does the administrator's own list name this client, this sender or this recipient?
#include "filters/access.hpp"

#include <array>
#include <utility>

#include "filters/filter.hpp"
#include "filters/reverse.hpp"

namespace smtpguard::filters {
namespace {

constexpr std::array kTests{
    Test{
        .name = "access.deny",
        .lenient = kRequire,
        .balanced = kRequire,
        .strict = kRequire,
        .says = "your server stands in this site's deny list",
    },
    Test{
        .name = "access.deny_sender",
        .lenient = kRequire,
        .balanced = kRequire,
        .strict = kRequire,
        .says = "the sender stands in this site's deny list",
        .about = Test::About::Sender,
    },
    Test{
        .name = "access.deny_recipient",
        .lenient = kRequire,
        .balanced = kRequire,
        .strict = kRequire,
        .says = "this recipient takes no mail",
        .enhanced = "2.1",
        .about = Test::About::Recipient,
    },
    Test{
        .name = "access.discard",
        .lenient = kRequire,
        .balanced = kRequire,
        .strict = kRequire,
        .says = "the message is taken and thrown away",
        .about = Test::About::Sender,
        .effect = Test::Effect::Discards,
    },
    Test{
        .name = "access.observe",
        .says = "all tests of the client are only told",
        .effect = Test::Effect::Observes,
        .is_fixed = true,
    },
    Test{
        .name = "access.allow",
        .says = "no test of the client counts",
        .effect = Test::Effect::Allows,
        .is_fixed = true,
    },
};
constexpr const Test& kDeny = kTests[0];
constexpr const Test& kDenySender = kTests[1];
constexpr const Test& kDenyRecipient = kTests[2];
constexpr const Test& kDiscard = kTests[3];
constexpr const Test& kObserved = kTests[4];
constexpr const Test& kAllow = kTests[5];

// Lower than any sum of scores.
constexpr std::int32_t kAllIsForgiven = -1'000'000;

void report(const AccessAnswer& answer, const Test& denied, Findings& findings) {
  const auto add = [&](Finding finding) {
    finding.detail = answer.entry;
    findings.push_back(std::move(finding));
  };
  switch (answer.access) {
    case Access::Deny:
      return add(failed(denied, {}));
    case Access::Discard:
      return add(failed(kDiscard, {}));
    case Access::Observe:
      return add(passed(kObserved));
    case Access::Allow:
      return add(passed(kAllow));
    case Access::Unlisted:
      break;
  }
}

class AccessFilter final : public Filter {
 public:
  explicit AccessFilter(AccessSettings lists) : lists_(std::move(lists)) {
    for (const AccessList* list :
         {&lists_.allow, &lists_.observe, &lists_.discard, &lists_.deny, &lists_.quiet}) {
      has_names_ = has_names_ || !list->ptr.empty();
      has_systems_ = has_systems_ || !list->systems.empty();
    }
  }

  void wants(const SessionFacts& facts, std::vector<dns::Question>& questions) const override {
    const bool is_open = look_up_client(lists_, facts).is_open;
    const bool is_looked_up =
        facts.standing == Standing::Stranger || facts.standing == Standing::Trusted;
    if (has_systems_ && (is_open || !lists_.quiet.systems.empty())) {
      want_origin(lists_.origins.get(), facts, questions);
    }
    if (has_names_ && (is_open || (!lists_.quiet.ptr.empty() && is_looked_up))) {
      want_reverse(facts, questions);
    }
  }

  void judge(const SessionFacts& facts, Findings& findings) const override {
    const ClientAccess client = look_up_client(lists_, facts);
    if (client.is_unknown && client.answer.access == Access::Deny) {
      // Its name or network might have allowed it, and that we cannot tell is not the client's
      // fault.
      findings.push_back(not_known(kDeny, "its name or network could not be looked up"));
    } else {
      report(client.answer, kDeny, findings);
    }
    if (facts.sender) {
      report(look_up_sender(lists_, *facts.sender), kDenySender, findings);
    }
    if (facts.recipient) {
      report(look_up_recipient(lists_, *facts.recipient), kDenyRecipient, findings);
    }
  }

  std::int32_t hope(const SessionFacts& facts) const override {
    const bool has_some = !lists_.allow.ptr.empty() || !lists_.allow.systems.empty();
    const bool may_be_allowed = has_some && look_up_client(lists_, facts).is_open;
    return may_be_allowed ? kAllIsForgiven : 0;
  }

 private:
  AccessSettings lists_;
  bool has_names_ = false;
  bool has_systems_ = false;
};

}  // namespace

extern const FilterKind kAccess;
const FilterKind kAccess{
    "access", FilterKind::Scope::Everybody, kTests,
    [](conf::Reader& /*root*/, const Site& site) -> std::unique_ptr<const Filter> {
      return std::make_unique<AccessFilter>(site.access);
    }};

}  // namespace smtpguard::filters
