#include "filters/investigation.hpp"

#include <algorithm>
#include <utility>

namespace smtpguard::filters {

void Investigation::pursue(TimePoint now) {
  ask_what_follows(now + budget_);
}

void Investigation::ask_what_follows(TimePoint deadline) {
  for (dns::Question& question : chain_.wants(facts_)) {
    const bool is_awaited = facts_.lists == nullptr || !facts_.lists->is_slow(question.name);
    facts_.dns.ask(question);
    awaited_ += is_awaited ? 1U : 0U;
    dns::LookupHandle handle =
        resolver_.ask(question, [this, question, deadline, is_awaited](const dns::Answer& answer) {
          on_answer(question, answer, deadline, is_awaited);
        });
    asked_.push_back({std::move(question), deadline, std::move(handle), is_awaited});
  }
}

void Investigation::on_answer(const dns::Question& question, const dns::Answer& answer,
                              TimePoint deadline, bool is_awaited) {
  facts_.dns.answer(question, answer);
  awaited_ -= is_awaited ? 1U : 0U;
  ask_what_follows(deadline);
  forget_if_all_answered();
  // A late answer may save a client for whom somebody waits all the same.
  const bool is_enough = is_awaited ? is_complete() : is_all_answered();
  if (on_news_) {
    on_news_(is_enough ? News::Complete : News::Answer);
  }
}

void Investigation::look(TimePoint now) {
  for (Asked& one : asked_) {
    if (one.handle.is_open() && one.deadline <= now) {
      one.handle.drop();
      awaited_ -= one.is_awaited ? 1U : 0U;
      facts_.dns.answer(one.question, dns::without_records(dns::Outcome::Timeout));
      // A filter may follow up on a time-out as on any answer; nobody waits for that any more.
    }
  }
  forget_if_all_answered();
}

// With its memory: a visitor or session may idle for long.
void Investigation::forget_if_all_answered() {
  if (is_all_answered()) {
    std::vector<Asked>().swap(asked_);
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
