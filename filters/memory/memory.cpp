#include "filters/memory/memory.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace smtpguard::filters::memory {

namespace {

// Records that are looked at in one tick: a millisecond at most.
constexpr std::size_t kSlice = 4000;

double weight_of(const Counts& counts) {
  return double{counts.accepted} + double{counts.refused} + double{counts.unknown} +
         double{counts.early} + double{counts.junk};
}

// One of 64 places, by what tells the hosts of a network apart.
std::uint64_t place_of(const IpAddress& client) {
  const auto& bytes = client.bytes();
  const unsigned host = client.is_v4() ? bytes[3] : static_cast<unsigned>(bytes[6]) * 7U + bytes[7];
  return std::uint64_t{1} << (host % 64U);
}

}  // namespace

void Memory::configure(const Settings& settings) {
  const Lock lock(mutex_);
  settings_ = settings;
  table_.set_most(settings.entries);
}

Settings Memory::settings() const {
  const Lock lock(mutex_);
  return settings_;
}

bool Memory::is_enabled() const {
  const Lock lock(mutex_);
  return settings_.is_enabled;
}

Memory::Extent Memory::extent() const {
  const Lock lock(mutex_);
  return {table_.size(), table_.most(), table_.memory()};
}

Remembered Memory::recall(const Identity& who, Moment now) const {
  const Lock lock(mutex_);
  Remembered remembered;
  if (!settings_.is_enabled) {
    return remembered;
  }
  const auto look_at = [&](const std::optional<Key>& key) {
    const Record* const record = key ? table_.find(*key, now) : nullptr;
    if (record == nullptr) {
      return;
    }
    remembered.is_seen = true;
    const Counts counts = record->counts_at(now);
    if (weight_of(counts) > weight_of(remembered.counts)) {
      remembered.counts = counts;
    }
    if (!remembered.is_known_good && record->is_known_good(now)) {
      remembered.is_known_good = true;
      remembered.known_by = key->text();
      remembered.since = record->first_seen;
    }
  };
  if (!who.organisation.empty()) {
    look_at(Key::organisation(who.organisation));
  }
  look_at(Key::address(who.client));
  const Record* const network = table_.find(Key::network(who.client), now);
  remembered.failed_neighbours = network == nullptr ? 0 : network->failed_host_count();
  return remembered;
}

Record& Memory::record_of(const Key& key, Moment now) {
  std::optional<Key> forgotten;
  Record& record = table_.at(key, now, forgotten);
  if (forgotten) {
    is_gone(*forgotten);
  }
  return record;
}

void Memory::changed(const Record& record) {
  if (store_) {
    changes_.push_back({record, false, nullptr});
  }
}

void Memory::is_gone(const Key& key) {
  if (store_) {
    changes_.emplace_back();
    changes_.back().record.key = key;
    changes_.back().is_gone = true;
  }
}

void Memory::learn_of(const Key& key, const Conduct& conduct, Moment now) {
  Record& record = record_of(key, now);
  record.add(conduct.counts, now);
  const Moment until = now + settings_.pass;
  if (conduct.is_fault()) {
    record.holds_until = {};
  } else if (conduct.has_earned_pass) {
    if (conduct.has_waited_for_greeting) {
      record.set(Trait::WaitsForGreeting, until);
    }
    if (conduct.has_waited_for_replies) {
      record.set(Trait::WaitsForReplies, until);
    }
    record.set(Trait::SpeaksSmtp, until);
  }
  record.expires = std::max(record.expires, now + settings_.keep);
  changed(record);
}

void Memory::learn_of_network(const IpAddress& client, const Conduct& conduct, Moment now) {
  Record& record = record_of(Key::network(client), now);
  record.add(conduct.counts, now);
  record.failed_hosts |= place_of(client);
  record.expires = now + settings_.keep;
  changed(record);
}

void Memory::learn(const Identity& who, const Conduct& conduct, Moment now) {
  const bool is_worth_it =
      conduct.is_fault() || conduct.has_earned_pass || weight_of(conduct.counts) > 0;
  const Lock lock(mutex_);
  if (!settings_.is_enabled || !is_worth_it) {
    return;
  }
  learn_of(Key::address(who.client), conduct, now);
  if (const auto organisation = Key::organisation(who.organisation)) {
    learn_of(*organisation, conduct, now);
  }
  if (conduct.is_fault()) {
    learn_of_network(who.client, conduct, now);
  }
}

std::vector<Record> Memory::about(const Key& key, Moment now) const {
  const Lock lock(mutex_);
  const Record* const record = table_.find(key, now);
  return record == nullptr ? std::vector<Record>() : std::vector<Record>{*record};
}

std::vector<Record> Memory::all_of(Key::Kind kind, Moment now, std::size_t most) const {
  std::vector<Record> found;
  Table::Place place;
  const auto is_later = [](const Record& a, const Record& b) { return a.last_seen > b.last_seen; };
  // A heap, the one that was seen first on top.
  const auto look_at = [&](const Record& record) {
    if (record.key.kind() != kind || record.expires <= now) {
      return;
    }
    found.push_back(record);
    std::push_heap(found.begin(), found.end(), is_later);
    if (found.size() > most) {
      std::pop_heap(found.begin(), found.end(), is_later);
      found.pop_back();
    }
  };
  bool goes_on = true;
  while (goes_on) {
    const Lock lock(mutex_);
    goes_on = table_.walk(place, kSlice, look_at);
  }
  std::sort_heap(found.begin(), found.end(), is_later);
  return found;
}

void Memory::give_pass(const Key& key, Moment now) {
  const Lock lock(mutex_);
  Record& record = record_of(key, now);
  record.add({}, now);
  record.holds_until.fill(now + settings_.pass);
  record.expires = std::max(record.expires, now + settings_.keep);
  changed(record);
}

bool Memory::forget(const Key& key) {
  const Lock lock(mutex_);
  return erase(key);
}

bool Memory::erase(const Key& key) {
  if (!table_.erase(key)) {
    return false;
  }
  is_gone(key);
  return true;
}

void Memory::keep_in(const std::string& path, Milliseconds retry) {
  store_ = std::make_unique<Store>(path, settings().entries, hash_, retry);
}

void Memory::start() {
  if (store_) {
    store_->start();
  }
}

void Memory::stop() {
  if (store_) {
    {
      const Lock lock(mutex_);
      store_->write(changes_);
    }
    store_->stop();
  }
}

std::vector<Store::Line> Memory::tick(Moment now) {
  Store::News news = store_ ? store_->take_news() : Store::News();
  const Lock lock(mutex_);
  forget_expired(now);
  if (!store_) {
    return {};
  }
  if (news.loaded) {
    take_over(*news.loaded, now);
  }
  for (const Record& record : news.from_others) {
    take_over(record, now);
  }
  for (const Block& block : news.blocks) {
    blocks_.put(block);
  }
  if (news.rewrite_since) {
    for (const Block& block : blocks_.everything()) {
      changed(block, false);  // a lifted one as well, or the file's would hold again
    }
    rewriting_ = Rewriting{*news.rewrite_since, {}};
  }
  rewrite();
  store_->write(changes_);
  return std::move(news.lines);
}

// The loaded one is the larger by far: what was learned meanwhile goes into it.
void Memory::take_over(Table& loaded, Moment now) {
  Table::Place place;
  table_.walk(place, std::numeric_limits<std::size_t>::max(), [&](const Record& record) {
    std::optional<Key> forgotten;
    loaded.put(record, now, forgotten);
    if (forgotten) {
      is_gone(*forgotten);
    }
  });
  std::swap(table_, loaded);  // the other one goes when the lock is gone
  table_.set_most(settings_.entries);
  looked_at_ = {};
}

void Memory::take_over(const Record& record, Moment now) {
  std::optional<Key> forgotten;
  table_.put(record, now, forgotten);
  if (forgotten) {
    is_gone(*forgotten);
  }
}

void Memory::forget_expired(Moment now) {
  std::vector<Key> expired;
  const bool goes_on = table_.walk(looked_at_, kSlice, [&](const Record& record) {
    if (record.expires <= now) {
      expired.push_back(record.key);
    }
  });
  if (!goes_on) {
    looked_at_ = {};
  }
  for (const Key& key : expired) {
    table_.erase(key);
    is_gone(key);
  }
  if (!goes_on) {
    forget_old_blocks(now);
  }
}

// No faster than the store can write.
void Memory::rewrite() {
  if (!rewriting_ || store_->waiting() > Store::kMostWaiting / 4) {
    return;
  }
  const Moment since = rewriting_->since;
  const bool goes_on = table_.walk(rewriting_->place, kSlice, [&](const Record& record) {
    if (since <= record.last_seen) {
      changes_.push_back({record, false, nullptr});
    }
  });
  if (!goes_on) {
    rewriting_.reset();
  }
}

}  // namespace smtpguard::filters::memory
