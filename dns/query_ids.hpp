// QueryIds — 16 random bits for each query, from the system, and no two alike at a time.
// Owns: a small stock of random numbers; the ids in use.   Called by: AresChannel, one a server.
// Fails: draw() gives nothing if the system has no entropy or nearly all ids are taken.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_set>

namespace smtpguard::dns {

class QueryIds {
 public:
  std::optional<std::uint16_t> draw();
  void give_back(std::uint16_t id) { taken_.erase(id); }
  std::size_t taken() const { return taken_.size(); }

 private:
  std::array<std::uint16_t, 64> stock_{};  // getentropy() gives at most 256 bytes
  std::size_t left_ = 0;
  std::unordered_set<std::uint16_t> taken_;
};

}  // namespace smtpguard::dns
