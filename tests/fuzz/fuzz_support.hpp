// FuzzSupport — what the fuzz targets share: the input as text, cuts of it, and a loud require().
// Called by: each fuzz target and replay_main. Fails: require() aborts, which a fuzzer looks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/cuts.hpp"

namespace smtpguard::test {

inline std::string_view as_text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

inline void require(bool holds, std::string_view what) {
  if (!holds) {
    std::fprintf(stderr, "property broken: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
  }
}

// Whole, byte by byte, and in one way that the input itself chooses: every run compares them.
inline std::vector<Chunks> fuzz_cuts(std::string_view bytes) {
  const auto seed = static_cast<unsigned>(std::hash<std::string_view>{}(bytes));
  return {cut_whole(bytes), cut_into_bytes(bytes), cut_at_random(bytes, seed)};
}

}  // namespace smtpguard::test
