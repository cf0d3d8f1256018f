// Policy — what this site does about what was found: weights, thresholds, and the pure function
// that turns findings into a verdict. Owns: values.   Called by: Session, smtpguardctl test. Fails:
// never; read_policy() tells what is wrong in the report. In this order: what refuses alone; the
// sum of scores against the thresholds; pass. The order of the findings does not matter, a further
// failure never softens a verdict, a further pass never hardens it, and what could not be found out
// weighs nothing (tests/filters/policy_property_test).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "filters/finding.hpp"
#include "filters/verdict.hpp"

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::filters {

// The first settings of a policy. Observe is Balanced, but nothing acts.
enum class Posture : std::uint8_t { Observe, Lenient, Balanced, Strict };
std::string_view to_string(Posture posture);
// Whether clients are blocked for what they did; the others wait and see, and turn nobody away
// unasked.
constexpr bool punishes(Posture posture) {
  return posture == Posture::Balanced || posture == Posture::Strict;
}
// What a test weighs there.
Weight weight_in(const Test& test, Posture posture);

// Each is reached by a sum of so much or more; absent: never.
struct Thresholds {
  std::optional<std::int32_t> tag;
  std::optional<std::int32_t> greylist;
  std::optional<std::int32_t> defer;
  std::optional<std::int32_t> reject;
  std::optional<std::int32_t> drop;

  bool operator==(const Thresholds&) const = default;
};
Thresholds thresholds_of(Posture posture);
// The one to go to: balanced from observe and lenient, else strict.
Posture next_of(Posture posture);

class Policy {
 public:
  Policy() = default;
  explicit Policy(Posture posture) : posture_(posture), thresholds_(thresholds_of(posture)) {}

  Posture posture() const { return posture_; }
  const Thresholds& thresholds() const { return thresholds_; }
  void set_thresholds(const Thresholds& thresholds) { thresholds_ = thresholds; }
  void set_weight(const Test& test, Weight weight) { weights_[test.name] = weight; }
  // Every 5xx of ours becomes a 4xx: for the first days of a stricter policy.
  bool is_soft() const { return is_soft_; }
  void set_soft(bool is_soft) { is_soft_ = is_soft; }
  // Where a refused sender finds help: stands at the end of refusals; may be empty.
  const std::string& contact() const { return contact_; }
  void set_contact(std::string contact) { contact_ = std::move(contact); }

  // What the finding weighs here.
  Weight weight(const Finding& finding) const;
  // What it would weigh in the next stricter posture, or in the first one that acts on it; what the
  // administrator set stays.
  Weight weight_if_acting(const Finding& finding) const;
  // The same of the thresholds: what differs from those of this posture was set, and stays.
  Thresholds thresholds_if_acting() const;

 private:
  Weight of_test(const Test& test) const;

  Posture posture_ = Posture::Lenient;
  Thresholds thresholds_ = thresholds_of(Posture::Lenient);
  bool is_soft_ = false;
  std::string contact_;
  std::map<std::string_view, Weight> weights_;  // by the name of the test; only what was set
};

// Reads one [policy.NAME]: posture, soft, thresholds, contact, tests.
Policy read_policy(conf::Reader& section);

// What is asked of the policy.
struct Case {
  const Findings& findings;
  // postmaster, abuse, or named by the administrator: only what concerns the recipient counts.
  bool is_exempt_recipient = false;
  // By how much open answers could still lower the sum; 0 when all is answered.
  std::int32_t hope = 0;
  // Who is suspicious has to come back; false: it has, or need not.
  bool may_greylist = false;
};

Verdict judge(const Policy& policy, const Case& what);

// RFC 5321 4.5.1 (postmaster) and RFC 2142 (abuse): always to be reached, at our own domains.
bool is_exempt_recipient(std::string_view local_part);

}  // namespace smtpguard::filters
