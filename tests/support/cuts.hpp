// Cuts — the same bytes, cut as a network may cut them: whole, byte by byte, at random.
// Called by: tests of everything that reads a stream. The seeds are fixed, so a failure repeats.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace smtpguard::test {

using Chunks = std::vector<std::string>;

inline Chunks cut_whole(std::string_view bytes) {
  return {std::string(bytes)};
}

inline Chunks cut_into_bytes(std::string_view bytes) {
  Chunks chunks;
  for (const char c : bytes) {
    chunks.emplace_back(1, c);
  }
  return chunks;
}

inline Chunks cut_at_random(std::string_view bytes, unsigned seed) {
  std::mt19937 random(seed);
  // Sizes small against the input, so that seams fall everywhere; empty chunks too.
  std::uniform_int_distribution<std::size_t> size(0, 1 + bytes.size() / (2 + seed % 7));
  Chunks chunks;
  while (!bytes.empty()) {
    chunks.emplace_back(bytes.substr(0, size(random)));
    bytes.remove_prefix(chunks.back().size());
  }
  return chunks;
}

// In two, at each place. For short inputs: every seam is met.
inline std::vector<Chunks> cut_in_two(std::string_view bytes) {
  std::vector<Chunks> all;
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    all.push_back({std::string(bytes.substr(0, at)), std::string(bytes.substr(at))});
  }
  return all;
}

inline std::vector<Chunks> all_cuts(std::string_view bytes) {
  std::vector<Chunks> all = {cut_whole(bytes), cut_into_bytes(bytes)};
  for (unsigned seed = 1; seed <= 8; ++seed) {
    all.push_back(cut_at_random(bytes, seed));
  }
  if (bytes.size() <= 256) {
    for (Chunks& chunks : cut_in_two(bytes)) {
      all.push_back(std::move(chunks));
    }
  }
  return all;
}

}  // namespace smtpguard::test
