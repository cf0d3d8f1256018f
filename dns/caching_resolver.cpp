#include "dns/caching_resolver.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace smtpguard::dns {

std::chrono::seconds time_to_keep(const Answer& answer, const CacheSettings& settings) {
  // Not std::clamp: settings whose floor is above the ceiling are a mistake, not a crash.
  if (answer.outcome == Outcome::NotAsked) {
    return std::chrono::seconds(0);
  }
  if (answer.outcome == Outcome::Found) {
    return std::min(std::max(answer.ttl, settings.ttl_floor), settings.ttl_ceiling);
  }
  if (is_trouble(answer.outcome)) {
    return settings.trouble;
  }
  return std::min(std::max(answer.ttl, settings.negative_floor), settings.negative_ceiling);
}

CachingResolver::CachingResolver(Resolver& behind, Loop& loop, CacheSettings settings,
                                 KeyedHash hash)
    : behind_(behind),
      loop_(loop),
      settings_(settings),
      entries_(16, Hash{hash}),
      flights_(16, Hash{hash}),
      delivery_(loop) {}

CachingResolver::~CachingResolver() {
  forget_all();
}

LookupHandle CachingResolver::ask(const Question& asked, Sink sink) {
  const Question question = canonical(asked);
  auto lookup = std::make_shared<Lookup>(std::move(sink));
  if (const Entry* const entry = find(question)) {
    ++counts_.hits;
    Answer answer = entry->answer;
    answer.ttl = std::chrono::ceil<std::chrono::seconds>(entry->expires_at - loop_.now());
    delivery_.post(lookup, std::move(answer));
    return LookupHandle(std::move(lookup));
  }
  const auto [place, is_new] = flights_.try_emplace(question);
  Flight& flight = place->second;
  ++(is_new ? counts_.misses : counts_.joined);
  join(flight, lookup);
  if (is_new) {
    flight.handle = behind_.ask(
        question, [this, question](const Answer& answer) { on_answer(question, answer); });
  }
  return LookupHandle(std::move(lookup));
}

CachingResolver::Entry* CachingResolver::find(const Question& question) {
  const auto found = entries_.find(question);
  if (found == entries_.end()) {
    return nullptr;
  }
  Entry& entry = found->second;
  if (entry.expires_at <= loop_.now()) {
    remove(entry);
    return nullptr;
  }
  by_use_.splice(by_use_.begin(), by_use_, by_use_.iterator_to(entry));
  return &entry;
}

// Those who left are swept out now and then, so that one slow question cannot gather all who come
// and go while it is under way.
void CachingResolver::join(Flight& flight, SharedLookup lookup) {
  if (flight.waiting.size() >= flight.sweep_at) {
    std::erase_if(flight.waiting, [](const SharedLookup& one) { return !one->is_open(); });
    flight.sweep_at = std::max<std::size_t>(64, 2 * flight.waiting.size());
  }
  flight.waiting.push_back(std::move(lookup));
}

void CachingResolver::on_answer(const Question& question, const Answer& answer) {
  const auto flight = flights_.extract(question);
  keep(question, answer);
  const auto alive = delivery_.token();
  for (const SharedLookup& lookup : flight.mapped().waiting) {
    if (alive.expired()) {
      return;
    }
    lookup->deliver(answer);
  }
}

void CachingResolver::keep(const Question& question, const Answer& answer) {
  const auto time = time_to_keep(answer, settings_);
  if (time.count() <= 0 || settings_.most_entries == 0) {
    return;
  }
  if (const auto old = entries_.find(question); old != entries_.end()) {
    remove(old->second);
  }
  while (entries_.size() >= settings_.most_entries) {
    ++counts_.evicted;
    remove(by_use_.back());
  }
  const auto place = entries_.try_emplace(question).first;
  Entry& entry = place->second;
  entry.question = &place->first;
  entry.answer = answer;
  entry.expires_at = loop_.now() + time;
  by_use_.push_front(entry);
}

void CachingResolver::remove(Entry& entry) {
  by_use_.erase(by_use_.iterator_to(entry));
  entries_.erase(entries_.find(*entry.question));
}

std::size_t CachingResolver::waiting() const {
  std::size_t count = 0;
  for (const auto& [question, flight] : flights_) {
    count += flight.waiting.size();
  }
  return count;
}

void CachingResolver::forget_all() {
  by_use_.clear();
  entries_.clear();
}

}  // namespace smtpguard::dns
