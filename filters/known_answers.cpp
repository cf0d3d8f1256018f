#include "filters/known_answers.hpp"

#include <algorithm>

#include "conf/base/text.hpp"

namespace smtpguard::filters {

const KnownAnswers::Entry* KnownAnswers::find_entry(std::string_view name,
                                                    dns::RecordType type) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.question.type == type && equals_ignoring_case(entry.question.name, name);
  });
  return found == entries_.end() ? nullptr : &*found;
}

const dns::Answer* KnownAnswers::find(std::string_view name, dns::RecordType type) const {
  const Entry* const entry = find_entry(name, type);
  return entry != nullptr && entry->answer ? &*entry->answer : nullptr;
}

bool KnownAnswers::is_asked(const dns::Question& question) const {
  return find_entry(question.name, question.type) != nullptr;
}

bool KnownAnswers::is_open(std::string_view name, dns::RecordType type) const {
  const Entry* const entry = find_entry(name, type);
  return entry != nullptr && !entry->answer;
}

void KnownAnswers::ask(const dns::Question& question) {
  if (!is_asked(question)) {
    entries_.push_back({question, {}});
    ++open_;
  }
}

void KnownAnswers::answer(const dns::Question& question, const dns::Answer& answer) {
  ask(question);
  for (Entry& entry : entries_) {
    const bool is_it = entry.question.type == question.type && !entry.answer &&
                       equals_ignoring_case(entry.question.name, question.name);
    if (is_it) {
      entry.answer = answer;
      --open_;
    }
  }
}

void KnownAnswers::close(const dns::Answer& answer) {
  for (Entry& entry : entries_) {
    if (!entry.answer) {
      entry.answer = answer;
    }
  }
  open_ = 0;
}

}  // namespace smtpguard::filters
