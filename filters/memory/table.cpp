#include "filters/memory/table.hpp"

#include <algorithm>

namespace smtpguard::filters::memory {

namespace {

constexpr std::size_t kFirstIndex = 16;
// How many are looked at to find one that can go: enough that it is one of the least useful.
constexpr int kTrials = 12;

std::size_t share_of(std::size_t most) {
  return std::max<std::size_t>(1, (most + Table::kShards - 1) / Table::kShards);
}

}  // namespace

Table::Table(std::size_t most, dns::KeyedHash hash)
    : hash_(hash), most_of_shard_(share_of(most)), chance_(hash("chance") | 1U) {}

void Table::set_most(std::size_t most) {
  most_of_shard_ = share_of(most);
}

Table::Hash Table::hash_of(const Key& key) const {
  const std::uint64_t hash = hash_(key.bytes());
  return {static_cast<std::size_t>(hash >> 32U) % kShards, static_cast<std::uint32_t>(hash)};
}

std::size_t Table::Shard::slot_of(const Key& key, std::uint32_t hash) const {
  const std::size_t mask = index.size() - 1;
  std::size_t slot = hash & mask;
  while (index[slot].number_behind != 0) {
    if (index[slot].hash == hash && record(index[slot].number_behind - 1).key == key) {
      break;
    }
    slot = (slot + 1) & mask;
  }
  return slot;
}

void Table::Shard::grow() {
  std::vector<Slot> larger(std::max(kFirstIndex, index.size() * 2));
  const std::size_t mask = larger.size() - 1;
  for (const Slot& entry : index) {
    if (entry.number_behind != 0) {
      std::size_t slot = entry.hash & mask;
      while (larger[slot].number_behind != 0) {
        slot = (slot + 1) & mask;
      }
      larger[slot] = entry;
    }
  }
  index.swap(larger);
}

// What stands behind the gap and could not stand in its own place moves up, so that no look-up ends
// at the gap too early.
void Table::Shard::remove(std::size_t slot) {
  const std::uint32_t number = index[slot].number_behind - 1;
  record(number) = Record{};
  free.push_back(number);
  --size;
  const std::size_t mask = index.size() - 1;
  std::size_t gap = slot;
  for (std::size_t next = (gap + 1) & mask; index[next].number_behind != 0;
       next = (next + 1) & mask) {
    const std::size_t home = index[next].hash & mask;
    const bool may_move = ((next - home) & mask) >= ((next - gap) & mask);
    if (may_move) {
      index[gap] = index[next];
      gap = next;
    }
  }
  index[gap] = Slot{};
}

std::uint32_t Table::Shard::take_number() {
  if (!free.empty()) {
    const std::uint32_t number = free.back();
    free.pop_back();
    return number;
  }
  if (used == chunks.size() * kChunk) {
    chunks.push_back(std::make_unique<Chunk>());
  }
  return used++;
}

const Record* Table::find(const Key& key, Moment now) const {
  const Hash hash = hash_of(key);
  const Shard& shard = shards_[hash.shard];
  if (shard.size == 0) {
    return nullptr;
  }
  const Slot& slot = shard.index[shard.slot_of(key, hash.in_shard)];
  if (slot.number_behind == 0) {
    return nullptr;
  }
  const Record& record = shard.record(slot.number_behind - 1);
  return now < record.expires ? &record : nullptr;
}

Record& Table::at(const Key& key, Moment now, std::optional<Key>& forgotten) {
  const Hash hash = hash_of(key);
  Shard& shard = shards_[hash.shard];
  if (!shard.index.empty()) {
    const Slot& slot = shard.index[shard.slot_of(key, hash.in_shard)];
    if (slot.number_behind != 0) {
      Record& record = shard.record(slot.number_behind - 1);
      if (record.expires <= now) {
        record = Record{};
        record.key = key;
      }
      return record;
    }
  }
  return make(shard, key, hash.in_shard, now, forgotten);
}

bool Table::put(const Record& record, Moment now, std::optional<Key>& forgotten) {
  const Hash hash = hash_of(record.key);
  Shard& shard = shards_[hash.shard];
  if (!shard.index.empty()) {
    const Slot& slot = shard.index[shard.slot_of(record.key, hash.in_shard)];
    if (slot.number_behind != 0) {
      Record& known = shard.record(slot.number_behind - 1);
      if (record.last_seen <= known.last_seen) {
        return false;
      }
      known = record;
      return true;
    }
  }
  make(shard, record.key, hash.in_shard, now, forgotten) = record;
  return true;
}

Record& Table::make(Shard& shard, const Key& key, std::uint32_t hash, Moment now,
                    std::optional<Key>& forgotten) {
  if (shard.size >= most_of_shard_) {
    forget_one(shard, now, forgotten);
  }
  if ((shard.size + 1) * 4 > shard.index.size() * 3) {
    shard.grow();
  }
  const std::uint32_t number = shard.take_number();
  Record& record = shard.record(number);
  record = Record{};
  record.key = key;
  shard.index[shard.slot_of(key, hash)] = {hash, number + 1};
  ++shard.size;
  return record;
}

bool Table::erase(const Key& key) {
  const Hash hash = hash_of(key);
  Shard& shard = shards_[hash.shard];
  if (shard.size == 0) {
    return false;
  }
  const std::size_t slot = shard.slot_of(key, hash.in_shard);
  if (shard.index[slot].number_behind == 0) {
    return false;
  }
  shard.remove(slot);
  return true;
}

void Table::forget_one(Shard& shard, Moment now, std::optional<Key>& forgotten) {
  const Record* least = nullptr;
  double least_worth = 0;
  for (int trial = 0; trial < kTrials || least == nullptr; ++trial) {
    // xorshift64; its seed is the table's own, so nobody can tell who goes.
    chance_ ^= chance_ << 13U;
    chance_ ^= chance_ >> 7U;
    chance_ ^= chance_ << 17U;
    const Record& record = shard.record(static_cast<std::uint32_t>(chance_ % shard.used));
    if (record.key.kind() == Key::Kind::None) {
      continue;
    }
    const double worth = usefulness(record, now);
    if (least == nullptr || worth < least_worth) {
      least = &record;
      least_worth = worth;
    }
  }
  forgotten = least->key;
  const Hash hash = hash_of(least->key);
  shard.remove(shard.slot_of(least->key, hash.in_shard));
}

std::size_t Table::size() const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    sum += shard.size;
  }
  return sum;
}

std::size_t Table::memory() const {
  std::size_t sum = sizeof *this;
  for (const Shard& shard : shards_) {
    sum += shard.chunks.size() * sizeof(Chunk) + shard.chunks.capacity() * sizeof(void*) +
           shard.index.capacity() * sizeof(Slot) + shard.free.capacity() * sizeof(std::uint32_t);
  }
  return sum;
}

}  // namespace smtpguard::filters::memory
