// Block, BlockList — who is turned away for a time, by whom, why and how often it was.
// Owns: the blocks, at most kMost; a network is one entry.   Called by: Memory, under its
// lock. Fails: put() says so when the list is full of those that hold. Pure, the time is passed
// in. An entry outlives its end by kMemory: who has to be blocked again by then is blocked for
// longer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "conf/base/cidr.hpp"
#include "filters/memory/moment.hpp"

namespace smtpguard::filters::memory {

using namespace std::chrono_literals;

// The author of blocks that nobody asked for.
inline constexpr const char* kOurselves = "smtpguard";

struct Block {
  Cidr network;
  std::string author;  // "smtpguard", "uid 0"
  std::string reason;  // in words, for the client as well
  Moment since{};
  Moment until{};
  Moment changed{};         // of two copies the later one holds
  std::uint32_t times = 0;  // so often it was blocked by us in a row

  bool holds(Moment now) const { return now < until; }

  bool operator==(const Block&) const = default;
};

class BlockList {
 public:
  static constexpr std::size_t kMost = 20'000;
  static constexpr std::chrono::seconds kMemory = 720h;

  // The most specific one that holds; nullptr: none. Valid until the next change.
  const Block* find(const IpAddress& client, Moment now) const;
  // Whether it holds or not; nullptr: it was never blocked, or long ago.
  const Block* about(const Cidr& network) const;
  // False: the list is full of those that hold, or knows better (by `changed`).
  bool put(const Block& block);
  // What may be forgotten, and is.
  std::vector<Cidr> forget_old(Moment now);
  // Those that hold.
  std::vector<Block> all(Moment now) const;
  std::vector<Block> everything() const;
  std::size_t size() const { return blocks_.size(); }

 private:
  void erase(const Cidr& network);
  bool make_room(Moment now);

  std::map<Cidr, Block> blocks_;
  // How many have each length, IPv4 and IPv6: only those in use are looked for.
  std::array<std::array<std::uint32_t, 129>, 2> lengths_{};
};

}  // namespace smtpguard::filters::memory
