// Verdict — what is done about a session or a recipient, and all reasons for it, in one value.
// Owns: its words.   Called by: policy (makes it); session, log, smtpguardctl tell of it: reply,
// log and explanations use the same words because they come from here.   Fails: never.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "filters/finding.hpp"

namespace smtpguard::filters {

// One finding, as the policy weighed it.
struct Reason {
  std::string name;  // "helo.unqualified", "dnsbl.zen"
  Outcome outcome = Outcome::Fail;
  Weight weight;
  std::string detail;  // raw evidence

  bool operator==(const Reason&) const = default;
};

struct Verdict {
  // From mild to hard.
  enum class Kind : std::uint8_t {
    Pass,
    Tag,       // pass, with a header line that tells the score
    Greylist,  // 450 to who has not come back yet: Memory knows
    Defer,     // 450: come back later
    Refuse,    // 550
    Discard,   // accepted and thrown away: only by the administrator's explicit rule
    Drop,      // the connection ends with the refusal
  };
  Kind kind = Kind::Pass;
  std::int32_t score = 0;
  // What decided: the name of a finding, or "score"; empty for a pass.
  std::string rule;
  std::string policy;           // whose verdict it is; empty where a policy has no name
  std::vector<Reason> counted;  // what weighed in the sum or refused alone, by name
  std::vector<Reason>
      observed;  // failures that are only watched, by name, and what they would weigh
  std::vector<Reason> unknown;  // what could not be found out
  Kind would_be = Kind::Pass;   // had the observed ones acted
  std::int32_t would_score = 0;

  // For the client; 250 for a pass.
  std::uint16_t code = 250;
  std::string enhanced;  // "5.7.1"
  std::string text;      // the session id is added by whoever says it

  bool refuses() const {
    return kind == Kind::Greylist || kind == Kind::Defer || kind == Kind::Refuse ||
           kind == Kind::Drop;
  }

  bool operator==(const Verdict&) const = default;
};

// The rule of a verdict that no test alone has brought about.
inline constexpr std::string_view kScoreRule = "score";

// How the text of a greylisted one begins; whoever says it adds the time that is left.
inline constexpr std::string_view kGreylisted = "greylisted";

std::string_view to_string(Verdict::Kind kind);
// "helo.unqualified=4", as in logs and headers.
std::string to_string(const Reason& reason);

}  // namespace smtpguard::filters
