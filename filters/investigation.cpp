#include "filters/investigation.hpp"

#include <utility>

namespace smtpguard::filters {

void Investigation::pursue(TimePoint now) {
  const std::size_t before = facts_.dns.asked();
  ask_what_follows();
  if (facts_.dns.asked() != before) {
    deadline_ = now + budget_;
  }
}

void Investigation::ask_what_follows() {
  for (dns::Question& question : chain_.wants(facts_)) {
    facts_.dns.ask(question);
    dns::LookupHandle handle = resolver_.ask(question, [this, question](const dns::Answer& answer) {
      facts_.dns.answer(question, answer);
      ask_what_follows();
      if (is_complete()) {
        handles_.clear();
        if (on_answers_) {
          on_answers_();
        }
      }
    });
    handles_.push_back(std::move(handle));
  }
}

void Investigation::look(TimePoint now) {
  if (is_complete() || now < deadline_) {
    return;
  }
  handles_.clear();
  facts_.dns.close(dns::without_records(dns::Outcome::Timeout));
  // A filter may follow up on a time-out as on any answer; nobody waits for that any more.
}

}  // namespace smtpguard::filters
