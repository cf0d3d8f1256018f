#include "filters/memory/block.hpp"

#include <algorithm>
#include <utility>

namespace smtpguard::filters::memory {

namespace {

std::size_t family_of(const IpAddress& address) {
  return address.is_v4() ? 0 : 1;
}

}  // namespace

const Block* BlockList::find(const IpAddress& client, Moment now) const {
  const auto& lengths = lengths_[family_of(client)];
  for (int length = client.is_v4() ? 32 : 128; length >= 0; --length) {
    if (lengths[static_cast<std::size_t>(length)] == 0) {
      continue;
    }
    const auto found = blocks_.find(Cidr{client.prefix(length), length});
    if (found != blocks_.end() && found->second.holds(now)) {
      return &found->second;
    }
  }
  return nullptr;
}

const Block* BlockList::about(const Cidr& network) const {
  const auto found = blocks_.find(network);
  return found == blocks_.end() ? nullptr : &found->second;
}

bool BlockList::put(const Block& block) {
  const auto found = blocks_.find(block.network);
  if (found != blocks_.end()) {
    if (block.changed < found->second.changed) {
      return false;
    }
    found->second = block;
    return true;
  }
  if (blocks_.size() >= kMost && !make_room(block.changed)) {
    return false;
  }
  blocks_.emplace(block.network, block);
  ++lengths_[family_of(block.network.network)][static_cast<std::size_t>(block.network.length)];
  return true;
}

// Of those that are over the one that ended first goes: it is kept only for who comes again.
bool BlockList::make_room(Moment now) {
  const auto first = std::min_element(
      blocks_.begin(), blocks_.end(),
      [](const auto& one, const auto& other) { return one.second.until < other.second.until; });
  if (first == blocks_.end() || first->second.holds(now)) {
    return false;
  }
  erase(Cidr(first->first));
  return true;
}

void BlockList::erase(const Cidr& network) {
  if (blocks_.erase(network) != 0) {
    --lengths_[family_of(network.network)][static_cast<std::size_t>(network.length)];
  }
}

std::vector<Cidr> BlockList::forget_old(Moment now) {
  std::vector<Cidr> old;
  for (const auto& [network, block] : blocks_) {
    if (block.until + kMemory <= now) {
      old.push_back(network);
    }
  }
  for (const Cidr& network : old) {
    erase(network);
  }
  return old;
}

std::vector<Block> BlockList::everything() const {
  std::vector<Block> out;
  for (const auto& entry : blocks_) {
    out.push_back(entry.second);
  }
  return out;
}

std::vector<Block> BlockList::all(Moment now) const {
  std::vector<Block> holding;
  for (const auto& [network, block] : blocks_) {
    if (block.holds(now)) {
      holding.push_back(block);
    }
  }
  return holding;
}

}  // namespace smtpguard::filters::memory
