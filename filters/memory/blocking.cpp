// The part of Memory that turns strangers away for a time.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "filters/memory/memory.hpp"

namespace smtpguard::filters::memory {

namespace {

constexpr int kLengthOfIpv4 = 32;
constexpr int kLengthOfIpv6 = 64;
constexpr std::uint32_t kGrowth = 4;

// One client: an IPv4 address, or the /64 of an IPv6 address.
Cidr alone(const IpAddress& client) {
  const int length = client.is_v4() ? kLengthOfIpv4 : kLengthOfIpv6;
  return {client.prefix(length), length};
}

}  // namespace

void Memory::changed(const Block& block, bool is_gone) {
  if (store_) {
    changes_.push_back({{}, is_gone, std::make_shared<const Block>(block)});
  }
}

std::optional<Block> Memory::block_of(const IpAddress& client, Moment now) const {
  const Lock lock(mutex_);
  const Block* const found = blocks_.find(client, now);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

std::vector<Block> Memory::blocks(Moment now) const {
  const Lock lock(mutex_);
  return blocks_.all(now);
}

std::optional<Block> Memory::block(Block wanted, std::chrono::seconds time, Moment now) {
  const Lock lock(mutex_);
  return put_block(std::move(wanted), time, now);
}

std::optional<Block> Memory::put_block(Block wanted, std::chrono::seconds time, Moment now) {
  const Block* const before = blocks_.about(wanted.network);
  wanted.times = before == nullptr ? 1 : before->times + 1;
  wanted.since = now;
  wanted.until = now + time;
  wanted.changed = now;
  if (!blocks_.put(wanted)) {
    return {};
  }
  changed(wanted, false);
  return wanted;
}

std::optional<Block> Memory::punish(const IpAddress& client, Moment now) {
  const Lock lock(mutex_);
  const BlockSettings& settings = settings_.blocks;
  const Record* const record = table_.find(Key::address(client), now);
  if (!settings_.is_enabled || !settings.is_automatic || record == nullptr ||
      blocks_.find(client, now) != nullptr) {
    return {};
  }
  const Counts counts = record->counts_at(now);
  const float faults = counts.early + counts.junk;
  Block wanted;
  // Who delivers as well is a provider with bad customers, not a harvester.
  const bool delivers = counts.accepted * 2 > std::max(counts.unknown, faults);
  if (delivers) {
    return {};
  }
  if (counts.unknown >= static_cast<float>(settings.harvest)) {
    wanted.reason = "writes to recipients that do not exist";
  } else if (faults >= static_cast<float>(settings.faults)) {
    wanted.reason = "breaks the protocol again and again";
  } else {
    return {};
  }
  wanted.network = alone(client);
  wanted.author = kOurselves;
  const Block* const before = blocks_.about(wanted.network);
  std::chrono::seconds time = settings.time;
  for (std::uint32_t i = 0; before != nullptr && i < before->times && time < settings.longest;
       ++i) {
    time *= kGrowth;
  }
  return put_block(std::move(wanted), std::min(time, settings.longest), now);
}

bool Memory::lift(const Cidr& network, Moment now) {
  const Lock lock(mutex_);
  const Block* const known = blocks_.about(network);
  if (known == nullptr || !known->holds(now)) {
    return false;
  }
  Block lifted = *known;
  lifted.until = now;
  lifted.changed = now;
  lifted.times = 0;
  blocks_.put(lifted);
  changed(lifted, false);
  // What it was blocked for is forgiven, or its next slip would block it again.
  const Key key = Key::address(network.network);
  if (network == alone(network.network) && table_.find(key, now) != nullptr) {
    Record& record = record_of(key, now);
    record.counts = {};
    changed(record);
  }
  return true;
}

void Memory::forget_old_blocks(Moment now) {
  for (const Cidr& network : blocks_.forget_old(now)) {
    Block gone;
    gone.network = network;
    changed(gone, true);
  }
}

}  // namespace smtpguard::filters::memory
