// Finding — what one test found of a session, with its evidence; and Test, what is tested at all.
// Owns: values.   Called by: every filter (reports them), policy, session log, smtpguardctl.
// Fails: never. A test finds, the policy acts: nothing here refuses anybody.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace smtpguard::filters {

// What a failed test does in a policy.
enum class Mode : std::uint8_t {
  Off,      // not even told
  Observe,  // told, with what it would have done
  Score,    // adds to the sum that is held against the thresholds
  Require,  // refuses alone
};

struct Weight {
  Mode mode = Mode::Observe;
  std::int32_t score = 0;

  bool operator==(const Weight&) const = default;
};

inline constexpr Weight kOff{Mode::Off, 0};
inline constexpr Weight kObserve{Mode::Observe, 0};
inline constexpr Weight kRequire{Mode::Require, 0};
constexpr Weight points(std::int32_t score) {
  return {Mode::Score, score};
}

// One thing that a filter looks at. Tests are constants; a family (DNS lists, rules of the
// administrator) is one test whose findings have labels and bring their own weights.
struct Test {
  enum class About : std::uint8_t {
    Client,     // who connects, and how it behaves: postmaster and abuse are reached all the same
    Sender,     // of this message, whoever connects: the next one may have another
    Recipient,  // this recipient, whoever connects
  };
  enum class Effect : std::uint8_t {
    AtRecipient,  // a refusal is told at RCPT, where the log knows sender and recipient
    AtOnce,       // there will be no RCPT: the connection ends with the refusal
    Discards,     // accepted and thrown away: the administrator's list for stalkers
    Observes,     // when it passes: all other tests of the client are only told
    Allows,       // when it passes: no other test of the client counts
    Vouches,      // when it passes: what the client calls itself, and is called, is only told
  };

  std::string_view
      name{};  // "helo.unqualified": the filter and what it looks at, or the filter alone
  Weight lenient{};
  Weight balanced{};
  Weight strict{};
  // For the sender, after "refused: ". Lower case, no full stop, never an echo of the client.
  std::string_view says{};
  // What the sender's administrator can do about it; may be empty.
  std::string_view mend{};
  std::string_view enhanced = "7.1";  // behind "5." or "4." (RFC 3463, 7372)
  About about = About::Client;
  Effect effect = Effect::AtRecipient;
  // No configuration changes what it does: without it we would be a hazard to others.
  bool is_fixed = false;
  // Its findings bring their own weights; a policy says only whether they count.
  bool is_family = false;
};

enum class Outcome : std::uint8_t {
  Pass,
  Fail,
  Skip,       // there was nothing to judge, or an answer is still missing
  TempError,  // trouble on our side or on the way: no evidence, scores nothing
};

struct Finding {
  const Test* test = nullptr;
  std::string label{};  // of a family: which list, which rule; else empty
  Outcome outcome = Outcome::Skip;
  std::string detail{};  // the evidence, raw: whoever shows it escapes it
  // Of a family: what this finding weighs where the policy does not say otherwise. A failure never
  // weighs less than nothing, a pass never more.
  std::optional<Weight> weight{};
  std::chrono::seconds valid_for{0};  // how long it may be remembered
  // For the sender, where the test's own words say too little; empty: those. Then its `mend` is in
  // here as well. Never an echo of what the client or the DNS said.
  std::string says{};
  // Of a family: where this finding concerns or does something else than its test says.
  std::optional<Test::About> about{};
  std::optional<Test::Effect> effect{};

  bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

// `detail` is the evidence of a failure, or what went wrong.
Finding passed(const Test& test);
Finding failed(const Test& test, std::string detail);
Finding not_known(const Test& test, std::string detail);
Finding skipped(const Test& test);

Test::About about_of(const Finding& finding);
Test::Effect effect_of(const Finding& finding);

// "helo.unqualified", "dnsbl.zen"
std::string name_of(const Finding& finding);

std::string_view to_string(Mode mode);
std::string_view to_string(Outcome outcome);
// "require", "observe", "4"
std::string to_string(const Weight& weight);

}  // namespace smtpguard::filters
