#include "dns/list_breaker.hpp"

#include <algorithm>

namespace smtpguard::dns {

void ListBreaker::note(TimePoint now, bool is_answered, Milliseconds took) {
  last_.at(next_) = {now, is_answered, is_answered && took > kSlow};
  next_ = (next_ + 1) % last_.size();
  kept_ = std::min(kept_ + 1, last_.size());
  questions_ = failures_ = 0;
  std::size_t slow = 0;
  for (std::size_t i = 0; i < kept_; ++i) {
    const Outcome& one = last_.at(i);
    if (now - one.at > kMemory) {
      continue;
    }
    ++questions_;
    failures_ += one.is_answered ? 0U : 1U;
    slow += one.is_slow ? 1U : 0U;
  }
  const std::size_t answers = questions_ - failures_;
  if (is_slow_) {
    is_slow_ = answers == 0 || 4 * slow >= answers;
  } else {
    is_slow_ = answers >= kLeastAnswers && 2 * slow > answers;
  }
}

}  // namespace smtpguard::dns
