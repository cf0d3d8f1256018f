#include "filters/memory/memory.hpp"

#include <algorithm>

namespace smtpguard::filters::memory {

namespace {

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
  settings_ = settings;
  table_.set_most(settings.entries);
}

Remembered Memory::recall(const Identity& who, Moment now) const {
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
  return remembered;
}

Record& Memory::record_of(const Key& key, Moment now) {
  std::optional<Key> forgotten;
  return table_.at(key, now, forgotten);
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
}

void Memory::learn_of_network(const IpAddress& client, const Conduct& conduct, Moment now) {
  Record& record = record_of(Key::network(client), now);
  record.add(conduct.counts, now);
  record.failed_hosts |= place_of(client);
  record.expires = now + settings_.keep;
}

void Memory::learn(const Identity& who, const Conduct& conduct, Moment now) {
  const bool is_worth_it =
      conduct.is_fault() || conduct.has_earned_pass || weight_of(conduct.counts) > 0;
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

}  // namespace smtpguard::filters::memory
