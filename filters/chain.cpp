#include "filters/chain.hpp"

#include <algorithm>

#include "filters/registry.hpp"

namespace smtpguard::filters {
namespace {

bool is_in_scope(FilterKind::Scope scope, Standing standing) {
  switch (standing) {
    case Standing::Local:
    case Standing::Allowed:
      return scope == FilterKind::Scope::Everybody;
    case Standing::Trusted:
      return scope != FilterKind::Scope::Strangers;
    case Standing::Stranger:
      break;
  }
  return true;
}

}  // namespace

Chain::Chain(conf::Reader& root, const Site& site) {
  for (const FilterKind* kind : all_filters()) {
    links_.push_back({kind, kind->make(root, site)});
  }
}

std::vector<dns::Question> Chain::wants(const SessionFacts& facts) const {
  std::vector<dns::Question> wanted;
  for (const Link& link : links_) {
    if (is_in_scope(link.kind->scope, facts.standing)) {
      link.filter->wants(facts, wanted);
    }
  }
  std::vector<dns::Question> open;
  for (dns::Question& question : wanted) {
    question = dns::canonical(std::move(question));
    const bool is_new = !facts.dns.is_asked(question) &&
                        std::find(open.begin(), open.end(), question) == open.end();
    if (is_new && facts.dns.asked() + open.size() < kMostQuestions) {
      open.push_back(std::move(question));
    }
  }
  return open;
}

Findings Chain::judge_as(Standing standing, const SessionFacts& facts) const {
  Findings findings;
  for (const Link& link : links_) {
    if (is_in_scope(link.kind->scope, standing)) {
      link.filter->judge(facts, findings);
    }
  }
  return findings;
}

Findings Chain::judge_by(std::string_view filter, const SessionFacts& facts) const {
  Findings findings;
  for (const Link& link : links_) {
    if (link.kind->name == filter && is_in_scope(link.kind->scope, facts.standing)) {
      link.filter->judge(facts, findings);
    }
  }
  return findings;
}

bool Chain::may_end_session(const SessionFacts& facts) const {
  return std::any_of(links_.begin(), links_.end(), [&](const Link& link) {
    return is_in_scope(link.kind->scope, facts.standing) && link.filter->may_end_session(facts);
  });
}

std::int32_t Chain::hope(const SessionFacts& facts) const {
  std::int32_t sum = 0;
  for (const Link& link : links_) {
    if (is_in_scope(link.kind->scope, facts.standing)) {
      sum += std::min(0, link.filter->hope(facts));
    }
  }
  return sum;
}

}  // namespace smtpguard::filters
