// ListStats — what each DNS list was worth: its answers, their time, and whom it alone knew.
// Owns: counters, a few hundred bytes for each list.   Called by: ListWatch, any thread.
// Fails: never.
// Questions are counted as they go out, so what the cache answers costs nothing and counts not;
// hits are counted by sessions, so a client that comes twice counts twice.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/clock.hpp"
#include "dns/answer.hpp"
#include "filters/verdict.hpp"

namespace smtpguard::session {

struct ListCounts {
  // Upper ends of the classes of latency; the last class has none.
  static constexpr std::array<Milliseconds::rep, 11> kEnds{1,   2,   5,   10,   20,  50,
                                                           100, 200, 500, 1000, 2000};

  std::uint64_t questions = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t refusals = 0;
  std::uint64_t failures = 0;  // SERVFAIL and the like
  std::uint64_t error_codes = 0;
  std::array<std::uint64_t, kEnds.size() + 1> latency{};  // of answers
  Milliseconds longest{0};
  std::uint64_t hits = 0;
  std::uint64_t alone = 0;                      // hits that no other list of the kind had
  std::map<std::string, std::uint64_t> with{};  // by the label of the other list

  std::uint64_t answers() const;
  // Of so many in a hundred answers the upper end of the class that they lie in; 0: no answer.
  Milliseconds quantile(unsigned percent) const;
};

class ListStats {
 public:
  struct Watched {
    std::string label;
    bool is_allow = false;
  };

  // What was counted of those that stay is kept.
  void watch(std::vector<Watched> lists);
  void note_answer(const std::string& label, const dns::Answer& answer, bool is_error_code,
                   Milliseconds took);
  // A session has ended: whom did the lists know?
  void note_session(const filters::Verdict& verdict);

  ListCounts of(const std::string& label) const;
  std::uint64_t sessions() const;

 private:
  const Watched* find(std::string_view label) const;

  mutable std::mutex mutex_;  // of all

  std::vector<Watched> lists_;
  std::map<std::string, ListCounts> counts_;
  std::uint64_t sessions_ = 0;
};

// "zen" of "dnsbl.zen" and of "dnsbl.zen.sender"; empty: the name is of no list. `labels` may have
// dots of their own.
std::string_view list_label(std::string_view name);

}  // namespace smtpguard::session
