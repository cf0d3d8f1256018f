#include "filters/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "conf/base/text.hpp"
#include "filters/registry.hpp"

namespace smtpguard::filters {
namespace {

using Kind = Verdict::Kind;

// A finding with its weight.
struct Weighed {
  const Finding* finding;
  Weight weight;
};

// Failures never lower a sum and passes never raise it, whatever was configured.
std::int32_t score_of(const Weighed& weighed) {
  if (weighed.weight.mode != Mode::Score) {
    return 0;
  }
  switch (weighed.finding->outcome) {
    case Outcome::Fail:
      return std::max(0, weighed.weight.score);
    case Outcome::Pass:
      return std::min(0, weighed.weight.score);
    case Outcome::Skip:
    case Outcome::TempError:
      break;
  }
  return 0;
}

bool refuses_alone(const Weighed& weighed) {
  return weighed.finding->outcome == Outcome::Fail && weighed.weight.mode == Mode::Require;
}

bool is_reached(const std::optional<std::int32_t>& threshold, std::int32_t score) {
  return threshold && score >= *threshold;
}

Kind by_score(const Thresholds& thresholds, std::int32_t score, bool may_greylist) {
  if (is_reached(thresholds.drop, score)) {
    return Kind::Drop;
  }
  if (is_reached(thresholds.reject, score)) {
    return Kind::Refuse;
  }
  if (is_reached(thresholds.defer, score)) {
    return Kind::Defer;
  }
  if (may_greylist && is_reached(thresholds.greylist, score)) {
    return Kind::Greylist;
  }
  return is_reached(thresholds.tag, score) ? Kind::Tag : Kind::Pass;
}

// What a finding that refuses alone does; families may say it otherwise (deny or discard).
Kind alone(const Finding& finding) {
  if (effect_of(finding) == Test::Effect::Discards) {
    return Kind::Discard;
  }
  return effect_of(finding) == Test::Effect::AtOnce ? Kind::Drop : Kind::Refuse;
}

struct Decision {
  Kind kind = Kind::Pass;
  std::int32_t score = 0;
  const Weighed* by = nullptr;  // what refused alone; null: the sum did
};

// What says more is what decides: the harder one, then what concerns the recipient. `weighed` is
// sorted by name, so that the first of equals decides, whatever order they came in.
bool says_more(const Finding& one, const Finding& other) {
  if (alone(one) != alone(other)) {
    return alone(one) > alone(other);
  }
  return about_of(one) > about_of(other);
}

Decision decide(const Thresholds& thresholds, const std::vector<Weighed>& weighed,
                const Case& what) {
  Decision decision;
  for (const Weighed& one : weighed) {
    decision.score += score_of(one);
    if (refuses_alone(one) &&
        (decision.by == nullptr || says_more(*one.finding, *decision.by->finding))) {
      decision.by = &one;
      decision.kind = alone(*one.finding);
    }
  }
  const Kind summed = by_score(thresholds, decision.score + what.hope, what.may_greylist);
  if (summed > decision.kind) {
    decision.by = nullptr;
    decision.kind = summed;
  }
  return decision;
}

// What is observed may know what it would weigh.
Weight acting(const Weight& weight) {
  return weight.mode == Mode::Observe && weight.score != 0 ? points(weight.score) : weight;
}

std::string_view says_of(const Finding& finding) {
  return finding.says.empty() ? finding.test->says : std::string_view(finding.says);
}

// Empty where `says` tells it already.
std::string_view mend_of(const Finding& finding) {
  return finding.says.empty() ? finding.test->mend : std::string_view();
}

Reason reason_of(const Weighed& weighed) {
  return {name_of(*weighed.finding), weighed.finding->outcome, weighed.weight,
          weighed.finding->detail};
}

// What a reply line holds (RFC 5321 4.5.3.1.5, without CR LF), and what of it is not ours: the code
// with its blank, and the " (session 0123456789)" of whoever says it.
constexpr std::size_t kLineLimit = 510;
constexpr std::size_t kCodeRoom = 4;
constexpr std::size_t kSessionRoom = 21;
// ", try again in 4294967295 seconds"
constexpr std::size_t kWaitRoom = 33;
// ", and 4294967295 more"
constexpr std::size_t kMoreRoom = 21;

// At most `limit` octets; no UTF-8 character is cut in half.
std::string_view cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return text;
  }
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) {
    --limit;
  }
  return text.substr(0, limit);
}

std::size_t room_left(std::size_t room, std::size_t taken) {
  return room > taken ? room - taken : 0;
}

std::string with_name(const Finding& finding, std::size_t room) {
  const std::string name = fmt::format(" ({})", name_of(finding));
  return fmt::format("{}{}", cut(says_of(finding), room_left(room, name.size())), name);
}

// The heaviest first; those that do not fit into `room` are only counted, none is cut but the first
// if it alone is too long.
std::string in_words(const std::vector<const Weighed*>& failures, std::size_t room) {
  std::vector<const Weighed*> sorted = failures;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Weighed* a, const Weighed* b) { return score_of(*a) > score_of(*b); });
  std::string text;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const std::size_t behind = i + 1 < sorted.size() ? kMoreRoom : 0;
    if (i == 0) {
      text = with_name(*sorted[i]->finding, room_left(room, behind));
      continue;
    }
    const std::string next = ", " + with_name(*sorted[i]->finding, kLineLimit);
    if (text.size() + next.size() + behind > room) {
      return text + fmt::format(", and {} more", sorted.size() - i);
    }
    text += next;
  }
  return text;
}

void write_reply(const Policy& policy, const Decision& decision,
                 const std::vector<Weighed>& weighed, Verdict& verdict) {
  const bool is_greylisted = decision.kind == Kind::Greylist;
  const bool is_temporary = is_greylisted || decision.kind == Kind::Defer || policy.is_soft();
  verdict.code = is_temporary ? 450 : 550;
  if (decision.kind == Kind::Drop && !is_temporary) {
    verdict.code = 554;
  }
  const std::string_view detail_code =
      decision.by != nullptr ? decision.by->finding->test->enhanced : std::string_view("7.1");
  verdict.enhanced = fmt::format("{}.{}", is_temporary ? 4 : 5, detail_code);
  const std::string contact =
      policy.contact().empty() ? std::string() : fmt::format("; {}", policy.contact());
  const std::size_t room =
      room_left(kLineLimit, kCodeRoom + verdict.enhanced.size() + 1 + contact.size() +
                                kSessionRoom + (is_greylisted ? kWaitRoom : 0));
  const auto add_mend = [&](const Finding& finding) {
    const std::string_view mend = mend_of(finding);
    if (!mend.empty() && verdict.text.size() + 2 + mend.size() <= room) {
      verdict.text += fmt::format("; {}", mend);
    }
  };
  if (decision.by != nullptr) {
    const Finding& finding = *decision.by->finding;
    verdict.rule = name_of(finding);
    verdict.text = "refused: ";
    verdict.text += with_name(finding, room_left(room, verdict.text.size()));
    add_mend(finding);
  } else {
    verdict.rule = is_greylisted ? std::string_view("greylist") : kScoreRule;
    std::vector<const Weighed*> failures;
    for (const Weighed& one : weighed) {
      if (score_of(one) > 0) {
        failures.push_back(&one);
      }
    }
    verdict.text = is_temporary ? "not accepted now: " : "refused: ";
    if (is_greylisted) {
      verdict.text = std::string(kGreylisted) + ": ";
    }
    verdict.text += in_words(failures, room_left(room, verdict.text.size()));
    if (failures.size() == 1) {
      add_mend(*failures.front()->finding);
    }
  }
  verdict.text += contact;
}

// By all that can differ, so that nothing shows in which order they came.
bool by_name(const Weighed& a, const Weighed& b) {
  // Nearly always enough, and much cheaper than all the rest.
  if (const int order = a.finding->test->name.compare(b.finding->test->name); order != 0) {
    return order < 0;
  }
  const auto key = [](const Weighed& one) {
    const Finding& finding = *one.finding;
    const Weight own = finding.weight.value_or(Weight{});
    return std::tuple(finding.test->name, std::string_view(finding.label),
                      std::string_view(finding.detail), finding.outcome,
                      std::string_view(finding.says), one.weight.mode, one.weight.score, own.mode,
                      own.score, about_of(finding), effect_of(finding));
  };
  return key(a) < key(b);
}

// What the administrator's own lists say about all other tests of the client.
bool is_said(const Findings& findings, Test::Effect effect) {
  return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
    return effect_of(finding) == effect && finding.outcome == Outcome::Pass;
  });
}

bool overrules(const Finding& finding) {
  const Test::Effect effect = effect_of(finding);
  return finding.outcome == Outcome::Pass &&
         (effect == Test::Effect::Observes || effect == Test::Effect::Allows ||
          effect == Test::Effect::Vouches);
}

// What a client calls itself, and is called by the DNS.
bool is_about_names(const Test& test) {
  return test.name.starts_with("helo.") || test.name.starts_with("rdns.");
}

// Twice: as the policy weighs it, and as the next stricter posture would.
struct Weighing {
  std::vector<Weighed> weighed;
  std::vector<Weighed> if_acting;
};

Weighing weigh(const Policy& policy, const Case& what) {
  Weighing weighing;
  const bool is_allowed = is_said(what.findings, Test::Effect::Allows);
  const bool is_observed = is_said(what.findings, Test::Effect::Observes);
  const bool is_vouched_for = is_said(what.findings, Test::Effect::Vouches);
  for (const Finding& finding : what.findings) {
    const Test& test = *finding.test;
    const bool is_about_client = about_of(finding) == Test::About::Client;
    const bool is_about_recipient = about_of(finding) == Test::About::Recipient;
    // What speaks for the client still counts when nothing counts against it.
    const bool can_harden = finding.outcome != Outcome::Pass && !test.is_fixed;
    const bool is_passed_over = finding.outcome == Outcome::Skip ||
                                (!is_about_recipient && what.is_exempt_recipient) ||
                                (is_about_client && is_allowed && can_harden);
    const Weight weight = policy.weight(finding);
    if (is_passed_over || weight.mode == Mode::Off) {
      continue;
    }
    const bool is_excused = is_vouched_for && is_about_names(test) && can_harden;
    const bool only_observed = is_excused || (is_observed && is_about_client && can_harden);
    weighing.weighed.push_back({&finding, only_observed ? kObserve : weight});
    weighing.if_acting.push_back(
        {&finding, is_excused ? kObserve : policy.weight_if_acting(finding)});
  }
  std::sort(weighing.weighed.begin(), weighing.weighed.end(), by_name);
  std::sort(weighing.if_acting.begin(), weighing.if_acting.end(), by_name);
  return weighing;
}

}  // namespace

Weight weight_in(const Test& test, Posture posture) {
  if (test.is_fixed) {
    return test.lenient;
  }
  switch (posture) {
    case Posture::Observe:
      return test.balanced.mode == Mode::Off ? kOff : kObserve;
    case Posture::Lenient:
      return test.lenient;
    case Posture::Balanced:
      return test.balanced;
    case Posture::Strict:
      return test.strict;
  }
  return kObserve;
}

Posture next_of(Posture posture) {
  return posture < Posture::Balanced ? Posture::Balanced : Posture::Strict;
}

Thresholds thresholds_of(Posture posture) {
  switch (posture) {
    case Posture::Lenient:
      return {{}, {}, {}, 12, {}};
    case Posture::Observe:
    case Posture::Balanced:
      return {{}, 4, 6, 8, {}};
    case Posture::Strict:
      return {{}, 3, 4, 5, {}};
  }
  return {};
}

Weight Policy::of_test(const Test& test) const {
  const auto set = weights_.find(test.name);
  return set == weights_.end() || test.is_fixed ? weight_in(test, posture_) : set->second;
}

Weight Policy::weight(const Finding& finding) const {
  const Weight weight = of_test(*finding.test);
  // Of a family the finding knows its own weight; the policy says whether it counts at all.
  const bool counts = weight.mode == Mode::Score || weight.mode == Mode::Require;
  return counts && finding.weight ? *finding.weight : weight;
}

Weight Policy::weight_if_acting(const Finding& finding) const {
  const Weight own = weight(finding);
  const bool is_set = finding.test->is_family || weights_.count(finding.test->name) != 0;
  if (own.mode == Mode::Off || (own.mode != Mode::Observe && is_set)) {
    return own;
  }
  for (const Posture posture : {Posture::Balanced, Posture::Strict}) {
    if (posture < next_of(posture_)) {
      continue;
    }
    const Weight weight = weight_in(*finding.test, posture);
    if (weight.mode == Mode::Score || weight.mode == Mode::Require) {
      return finding.weight ? acting(*finding.weight) : weight;
    }
  }
  return own;
}

Thresholds Policy::thresholds_if_acting() const {
  const Thresholds usual = thresholds_of(posture_);
  const Thresholds next = thresholds_of(next_of(posture_));
  const auto pick = [&](auto member) {
    return thresholds_.*member == usual.*member ? next.*member : thresholds_.*member;
  };
  return {pick(&Thresholds::tag), pick(&Thresholds::greylist), pick(&Thresholds::defer),
          pick(&Thresholds::reject), pick(&Thresholds::drop)};
}

Verdict judge(const Policy& policy, const Case& what) {
  const auto [weighed, if_acting] = weigh(policy, what);
  Verdict verdict;
  for (const Weighed& one : weighed) {
    if (one.finding->outcome == Outcome::TempError) {
      verdict.unknown.push_back(reason_of(one));
    } else if (refuses_alone(one) || score_of(one) != 0 || overrules(*one.finding)) {
      verdict.counted.push_back(reason_of(one));
    } else if (one.weight.mode == Mode::Observe && one.finding->outcome == Outcome::Fail) {
      verdict.observed.push_back({name_of(*one.finding), one.finding->outcome,
                                  policy.weight_if_acting(*one.finding), one.finding->detail});
    }
  }
  const Decision decision = decide(policy.thresholds(), weighed, what);
  const Decision would = decide(policy.thresholds_if_acting(), if_acting, what);
  verdict.kind = decision.kind;
  verdict.score = decision.score;
  verdict.would_be = would.kind;
  verdict.would_score = would.score;
  if (verdict.kind != Kind::Pass) {
    write_reply(policy, decision, weighed, verdict);
  }
  if (!verdict.refuses()) {
    verdict.code = 250;
    verdict.enhanced.clear();
    verdict.text.clear();
  }
  return verdict;
}

bool is_exempt_recipient(std::string_view local_part) {
  return equals_ignoring_case(local_part, "postmaster") ||
         equals_ignoring_case(local_part, "abuse");
}

}  // namespace smtpguard::filters
