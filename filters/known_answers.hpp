// KnownAnswers — what a session has asked of the DNS, and what was answered so far.
// Owns: copies of questions and answers, a few dozen at most.   Called by: Investigation (fills
// it), filters (read it).   Fails: never. A question without an answer is open; once the time for
// it is over it is answered with Timeout, and a later answer changes nothing: a verdict must not
// depend on who looks when.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "dns/answer.hpp"
#include "dns/question.hpp"

namespace smtpguard::filters {

class KnownAnswers {
 public:
  // nullptr: not asked, or still open.
  const dns::Answer* find(std::string_view name, dns::RecordType type) const;
  bool is_asked(const dns::Question& question) const;
  // Asked, and not answered yet.
  bool is_open(std::string_view name, dns::RecordType type) const;

  void ask(const dns::Question& question);
  // The first answer counts.
  void answer(const dns::Question& question, const dns::Answer& answer);
  // All open questions get this answer.
  void close(const dns::Answer& answer);

  std::size_t asked() const { return entries_.size(); }
  std::size_t open() const { return open_; }

 private:
  struct Entry {
    dns::Question question;
    std::optional<dns::Answer> answer;
  };

  const Entry* find_entry(std::string_view name, dns::RecordType type) const;

  std::vector<Entry> entries_;
  std::size_t open_ = 0;
};

}  // namespace smtpguard::filters
