// Chain — all filters, configured: what they want to know of a session, and what they find.
// Owns: the filters.   Called by: Investigation, Session, smtpguardctl test.   Fails: never.
// Pure: the same facts give the same findings, for a live session as for a dry run.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "filters/filter.hpp"

namespace smtpguard::filters {

// A stranger must not make us ask without end, whatever the filters follow up.
inline constexpr std::size_t kMostQuestions = 120;

class Chain {
 public:
  Chain() = default;
  // Every filter of the registry, each with its own section below `root`.
  Chain(conf::Reader& root, const Site& site);

  // What is to be asked now: not asked before, without doubles.
  std::vector<dns::Question> wants(const SessionFacts& facts) const;
  Findings judge(const SessionFacts& facts) const { return judge_as(facts.standing, facts); }
  // As if the client had another standing: Trusted is its conduct alone.
  Findings judge_as(Standing standing, const SessionFacts& facts) const;
  // What the filter of that name finds, alone.
  Findings judge_by(std::string_view filter, const SessionFacts& facts) const;
  // Whether any of it may end the session at once.
  bool may_end_session(const SessionFacts& facts) const;
  // By how much the sum could still fall through answers that are open; 0 or less.
  std::int32_t hope(const SessionFacts& facts) const;

 private:
  struct Link {
    const FilterKind* kind;
    std::unique_ptr<const Filter> filter;
  };

  std::vector<Link> links_;
};

}  // namespace smtpguard::filters
