#include "filters/judge.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "filters/sender_origin.hpp"

namespace smtpguard::filters {
namespace {

// Foreign recipients and denied senders are refused one by one; that says nothing of the next one.
bool is_about_client(const Verdict& verdict, const Findings& findings) {
  return std::none_of(findings.begin(), findings.end(), [&](const Finding& finding) {
    return about_of(finding) != Test::About::Client && name_of(finding) == verdict.rule;
  });
}

Findings about_client(const Findings& findings) {
  Findings chosen;
  std::copy_if(findings.begin(), findings.end(), std::back_inserter(chosen),
               [](const Finding& finding) { return about_of(finding) == Test::About::Client; });
  return chosen;
}

Verdict judge_by(const NamedPolicy& policy, const Case& what) {
  Verdict verdict = judge(policy.policy, what);
  verdict.policy = policy.name;
  return verdict;
}

}  // namespace

Verdict Judge::of_client(const SessionFacts& facts) const {
  return judge_by(of_listener_, {rules_.chain->judge(facts), false, rules_.chain->hope(facts),
                                 may_be_greylisted(facts)});
}

bool Judge::may_drop(const SessionFacts& facts) const {
  return of_listener_.policy.thresholds().drop.has_value() || rules_.chain->may_end_session(facts);
}

bool Judge::is_past_saving(const SessionFacts& facts) const {
  if (facts.misbehaviour == Misbehaviour() || rules_.policies.has_choice() ||
      rules_.site.access.may_spare_by_dns()) {
    return false;
  }
  const Verdict by_conduct =
      judge_by(of_listener_, {rules_.chain->judge_as(Standing::Trusted, facts), false, 0});
  // Something harder may follow from an answer.
  const bool may_become_worse = by_conduct.kind != Verdict::Kind::Drop && may_drop(facts);
  return by_conduct.kind >= Verdict::Kind::Refuse && by_conduct.rule != kScoreRule &&
         !may_become_worse;
}

bool Judge::may_be_saved(const SessionFacts& facts) const {
  if (rules_.chain->hope(facts) == 0) {
    return false;
  }
  const NamedPolicy& policy = rules_.policies.choose(of_listener_, *facts.recipient);
  const bool is_exempt = rules_.policies.is_exempt(*facts.recipient);
  return judge(policy.policy, {rules_.chain->judge(facts), is_exempt, 0, may_be_greylisted(facts)})
      .refuses();
}

// Not whose refusal is temporary: it is to come back.
bool Judge::is_condemned(const SessionFacts& facts) const {
  const Findings findings = about_client(rules_.chain->judge(facts));
  const Verdict verdict = judge(of_listener_.policy, {findings, false, rules_.chain->hope(facts)});
  const bool is_for_good = verdict.code >= 500 && !rules_.policies.has_choice();
  return is_for_good &&
         (verdict.kind == Verdict::Kind::Refuse || verdict.kind == Verdict::Kind::Drop);
}

Verdict Judge::of_recipient(const SessionFacts& facts) {
  const NamedPolicy& policy = rules_.policies.choose(of_listener_, *facts.recipient);
  const bool is_exempt = rules_.policies.is_exempt(*facts.recipient);
  const Findings findings = rules_.chain->judge(facts);
  Verdict verdict = judge_by(policy, {findings, is_exempt, 0, may_be_greylisted(facts)});
  if (is_exempt || (verdict.refuses() && !is_about_client(verdict, findings))) {
    return verdict;
  }
  const auto before = std::find_if(refusals_.begin(), refusals_.end(),
                                   [&](const auto& one) { return one.first == &policy; });
  if (before != refusals_.end()) {
    return before->second;
  }
  if (verdict.refuses()) {
    // A sum may have been reached by what the sender or this recipient added to it.
    Verdict of_client = judge_by(policy, {about_client(findings), false, 0});
    // Time alone undoes a greylisting.
    if (of_client.refuses() && of_client.kind != Verdict::Kind::Greylist) {
      refusals_.emplace_back(&policy, std::move(of_client));
    }
  }
  return verdict;
}

}  // namespace smtpguard::filters
