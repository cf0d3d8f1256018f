// ListBreaker — whether a DNS list fails or is slow too often to be waited for. Pure.
// Owns: the last outcomes of its questions, twenty at most.   Called by: session/ListWatch.
// Fails: never. The rate decides, not a single failure: one time-out says nothing (Haraka takes a
// list out for half an hour after one), and a list that fails every second question must not cost
// every other client the whole budget.
#pragma once

#include <array>
#include <cstddef>

#include "conf/base/clock.hpp"

namespace smtpguard::dns {

class ListBreaker {
 public:
  // What lies further back says nothing of today.
  static constexpr Milliseconds kMemory = std::chrono::minutes(5);
  // An answer that takes longer than this is slow: twenty times what lists usually take.
  static constexpr Milliseconds kSlow = std::chrono::seconds(1);
  static constexpr std::size_t kLeastFailures = 5;
  static constexpr std::size_t kLeastAnswers = 5;

  void note(TimePoint now, bool is_answered, Milliseconds took);
  void reset() { *this = {}; }

  // Half of the last questions failed, and not just a few.
  bool is_tripped() const { return failures_ >= kLeastFailures && 2 * failures_ >= questions_; }
  // More than half of the answers were slow; until less than a quarter is.
  bool is_slow() const { return is_slow_; }
  std::size_t failures() const { return failures_; }
  std::size_t questions() const { return questions_; }

 private:
  struct Outcome {
    TimePoint at{};
    bool is_answered = true;
    bool is_slow = false;
  };

  std::array<Outcome, 20> last_{};
  std::size_t next_ = 0;
  std::size_t kept_ = 0;
  // Of those that are young enough.
  std::size_t questions_ = 0;
  std::size_t failures_ = 0;
  bool is_slow_ = false;
};

}  // namespace smtpguard::dns
