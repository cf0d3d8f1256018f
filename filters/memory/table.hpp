// Table — all records, in memory: bounded, in shards, found by a hash that nobody can predict.
// Owns: the records.   Called by: Memory, under its lock.   Fails: never but for memory itself; a
// table that is full forgets the least useful of some records, and says which. In shards, so that
// growing moves a small index and never stalls the loop: a record stays where it is, in a chunk;
// the index has 8 octets a place and is at most three quarters full. So a record costs 96 octets,
// and 11 to 21 of index.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dns/keyed_hash.hpp"
#include "filters/memory/record.hpp"

namespace smtpguard::filters::memory {

class Table {
 public:
  static constexpr std::size_t kShards = 64;

  // At most `most` records, shared out evenly.
  Table(std::size_t most, dns::KeyedHash hash);

  // nullptr: not known, or expired. Valid until the next change.
  const Record* find(const Key& key, Moment now) const;
  // The record, made if it is not there; `forgotten` is set if another had to go for it.
  Record& at(const Key& key, Moment now, std::optional<Key>& forgotten);
  // Keeps the one that was seen later; false: that was the one of the table. `forgotten` as above.
  bool put(const Record& record, Moment now, std::optional<Key>& forgotten);
  bool erase(const Key& key);

  std::size_t size() const;
  std::size_t most() const { return most_of_shard_ * kShards; }
  // For new records; records that are too many go when others come.
  void set_most(std::size_t most);
  // Octets that are taken, index and all.
  std::size_t memory() const;

  // A walk over all records, in slices: so the loop can do other things in between.
  struct Place {
    std::size_t shard = 0;
    std::uint32_t number = 0;
  };
  // Looks at `count` places from `place` on, which is moved behind them. False: it was the end.
  template <typename Visit>
  bool walk(Place& place, std::size_t count, const Visit& visit) const {
    for (; count > 0 && place.shard < kShards; --count) {
      const Shard& shard = shards_[place.shard];
      if (place.number >= shard.used) {
        place = {place.shard + 1, 0};
      } else if (const Record& record = shard.record(place.number++);
                 record.key.kind() != Key::Kind::None) {
        visit(record);
      }
    }
    return place.shard < kShards;
  }

 private:
  static constexpr std::uint32_t kChunk = 64;
  using Chunk = std::array<Record, kChunk>;

  // Of the index: which record, and as much of its hash as tells that it may be the one.
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t number_behind = 0;  // number + 1; 0: empty
  };

  struct Shard {
    std::vector<std::unique_ptr<Chunk>> chunks;
    std::vector<Slot> index;
    std::vector<std::uint32_t> free;
    std::uint32_t used = 0;  // numbers that were given out so far
    std::size_t size = 0;

    Record& record(std::uint32_t number) { return (*chunks[number / kChunk])[number % kChunk]; }
    const Record& record(std::uint32_t number) const {
      return (*chunks[number / kChunk])[number % kChunk];
    }
    // The slot of the key, or the empty one where it would stand; there is always one.
    std::size_t slot_of(const Key& key, std::uint32_t hash) const;
    void grow();
    void remove(std::size_t slot);
    std::uint32_t take_number();
  };

  struct Hash {
    std::size_t shard;
    std::uint32_t in_shard;
  };
  Hash hash_of(const Key& key) const;
  Record& make(Shard& shard, const Key& key, std::uint32_t hash, Moment now,
               std::optional<Key>& forgotten);
  void forget_one(Shard& shard, Moment now, std::optional<Key>& forgotten);

  dns::KeyedHash hash_;
  std::size_t most_of_shard_;
  std::uint64_t chance_;
  std::array<Shard, kShards> shards_;
};

}  // namespace smtpguard::filters::memory
