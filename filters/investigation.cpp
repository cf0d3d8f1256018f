#include "filters/investigation.hpp"

#include <algorithm>
#include <utility>

namespace smtpguard::filters {

void Investigation::pursue(TimePoint now) {
  ask_what_follows(now + budget_);
}

void Investigation::ask_what_follows(TimePoint deadline) {
  for (dns::Question& question : chain_.wants(facts_)) {
    facts_.dns.ask(question);
    dns::LookupHandle handle =
        resolver_.ask(question, [this, question, deadline](const dns::Answer& answer) {
          facts_.dns.answer(question, answer);
          ask_what_follows(deadline);
          if (is_complete()) {
            asked_.clear();
            if (on_answers_) {
              on_answers_();
            }
          }
        });
    asked_.push_back({std::move(question), deadline, std::move(handle)});
  }
}

void Investigation::look(TimePoint now) {
  for (Asked& one : asked_) {
    if (one.handle.is_open() && one.deadline <= now) {
      one.handle.drop();
      facts_.dns.answer(one.question, dns::without_records(dns::Outcome::Timeout));
      // A filter may follow up on a time-out as on any answer; nobody waits for that any more.
    }
  }
  if (is_complete()) {
    asked_.clear();
  }
}

TimePoint Investigation::deadline() const {
  TimePoint earliest = TimePoint::max();
  for (const Asked& one : asked_) {
    if (one.handle.is_open()) {
      earliest = std::min(earliest, one.deadline);
    }
  }
  return earliest;
}

}  // namespace smtpguard::filters
