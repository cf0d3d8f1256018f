// CachingResolver — remembers what another Resolver answered, and asks equal questions once.
// Owns: at most `most_entries` answers, the least used go first; the questions under way.
// Called by: the chain; one per event loop, in front of its AresChannel.
// Fails: as the resolver behind it; NotAsked is passed on and never remembered.
// A TTL is believed between a floor (a zone with TTL 0 must not make us ask at every command of a
// storm) and a ceiling (a listing must end one day). Trouble is remembered for seconds only: long
// enough that a dead list is not asked by each of a thousand sessions, short enough to heal.
// A question goes on when all who asked have left: its answer is worth having for the next one.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dns/delivery.hpp"
#include "dns/keyed_hash.hpp"
#include "dns/loop.hpp"
#include "dns/resolver.hpp"

namespace smtpguard::dns {

struct CacheSettings {
  std::size_t most_entries = 20'000;
  std::chrono::seconds ttl_floor{10};
  std::chrono::seconds ttl_ceiling{3600};
  // For NoSuchName and NoData; the floor is also for answers without a SOA.
  std::chrono::seconds negative_floor{30};
  std::chrono::seconds negative_ceiling{600};
  std::chrono::seconds trouble{5};
};

struct CacheCounts {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t joined = 0;  // asked while the same question was under way
  std::uint64_t evicted = 0;

  bool operator==(const CacheCounts&) const = default;
};

// How long an answer is kept; 0 for what is not kept at all.
std::chrono::seconds time_to_keep(const Answer& answer, const CacheSettings& settings);

class CachingResolver final : public Resolver {
 public:
  // Resolver and loop must live longer.
  CachingResolver(Resolver& behind, Loop& loop, CacheSettings settings,
                  KeyedHash hash = KeyedHash::random());
  ~CachingResolver() override;

  LookupHandle ask(const Question& question, Sink sink) override;

  void forget_all();
  std::size_t size() const { return entries_.size(); }
  std::size_t questions_under_way() const { return flights_.size(); }
  // Look-ups that wait for them; those that were dropped may be among them for a while.
  std::size_t waiting() const;
  const CacheCounts& counts() const { return counts_; }

 private:
  struct Hash {
    KeyedHash hash;
    std::size_t operator()(const Question& question) const noexcept {
      const auto type = static_cast<std::uint64_t>(question.type);
      return static_cast<std::size_t>(hash(question.name) ^ (type * 0x9e3779b97f4a7c15ULL));
    }
  };
  struct Entry : boost::intrusive::list_base_hook<> {
    const Question* question = nullptr;  // its own, in entries_
    Answer answer;
    TimePoint expires_at{};
  };
  struct Flight {
    LookupHandle handle;
    std::vector<SharedLookup> waiting;
    std::size_t sweep_at = 64;
  };

  Entry* find(const Question& question);
  void join(Flight& flight, SharedLookup lookup);
  void on_answer(const Question& question, const Answer& answer);
  void keep(const Question& question, const Answer& answer);
  void remove(Entry& entry);

  Resolver& behind_;
  Loop& loop_;
  CacheSettings settings_;
  CacheCounts counts_;
  std::unordered_map<Question, Entry, Hash> entries_;
  boost::intrusive::list<Entry> by_use_;  // the last used first
  std::unordered_map<Question, Flight, Hash> flights_;
  Delivery delivery_;
};

}  // namespace smtpguard::dns
