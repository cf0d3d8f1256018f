// Rate — how many of how many, and between what bounds the true share lies with 95 % certainty.
// Owns: values.   Called by: bench_judgement.   Fails: never; of none the bounds are 0 and 1.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <string>

namespace smtpguard::bench {

struct Rate {
  std::uint64_t hits = 0;
  std::uint64_t of = 0;

  void add(bool is_hit, std::uint64_t weight = 1) {
    hits += is_hit ? weight : 0;
    of += weight;
  }
  double share() const { return of == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(of); }

  struct Bounds {
    double low = 0;
    double high = 1;
  };
  // Wilson's score interval, which holds for shares near 0 as well.
  Bounds bounds() const {
    if (of == 0) {
      return {};
    }
    constexpr double kZ = 1.959964;
    const double n = static_cast<double>(of);
    const double middle = share() + kZ * kZ / (2 * n);
    const double half = kZ * std::sqrt(share() * (1 - share()) / n + kZ * kZ / (4 * n * n));
    const double scale = 1 + kZ * kZ / n;
    return {std::fmax(0, (middle - half) / scale), std::fmin(1, (middle + half) / scale)};
  }

  // "12  0.13 [0.07-0.22]": the count, per cent.
  std::string to_string() const {
    if (of == 0) {
      return "-";
    }
    const Bounds range = bounds();
    return fmt::format("{} {:.2f} [{:.2f}-{:.2f}]", hits, 100 * share(), 100 * range.low,
                       100 * range.high);
  }
};

}  // namespace smtpguard::bench
