// SpfWalk — from a domain to its SpfNetworks: which questions come next, and what came of them.
// Owns: the answers so far, at most a few hundred.   Called by: SpfQuery, the fuzz target spf.
// Fails: by `trouble`, in words; then nobody is exempt.
// Pure: it asks nobody. At most ten terms of all records together may need look-ups (RFC 7208
// 4.6.4), ten exchangers of a term are looked at, and a record that names a large part of the
// Internet ("+all", ip4:0.0.0.0/1) names nobody.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "dns/answer.hpp"
#include "dns/question.hpp"
#include "dns/spf_networks.hpp"

namespace smtpguard::dns {

inline constexpr int kMostSpfLookups = 10;
inline constexpr std::size_t kMostSpfExchangers = 10;

struct SpfOutcome {
  SpfNetworks networks;
  std::string trouble;        // empty: none; safe for a log
  bool is_temporary = false;  // the trouble is that of a server, not of the record
  std::chrono::seconds ttl{0};
};

class SpfWalk {
 public:
  explicit SpfWalk(std::string domain);

  // What must be asked next; empty: it is done.
  const std::vector<Question>& questions() const { return questions_; }
  void answer(const Question& question, const Answer& answer);
  const SpfOutcome& outcome() const { return outcome_; }

 private:
  // One way through the records, from the start, as far as the answers reach.
  class Pass;

  void walk();

  std::string domain_;
  std::vector<std::pair<Question, Answer>> answers_;
  std::vector<Question> questions_;
  SpfOutcome outcome_;
};

}  // namespace smtpguard::dns
