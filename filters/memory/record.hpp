// Record — what is remembered under one key: what its tests have found and until when that holds,
// and how its mail fared, fading with time.
// Owns: values, 96 octets.   Called by: Table, Memory, Store.   Fails: never; pure, the time is
// passed in.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "filters/memory/key.hpp"
#include "filters/memory/moment.hpp"

namespace smtpguard::filters::memory {

using namespace std::chrono_literals;

// What a client has shown, each with an end of its own. What it is listed for is not among them:
// that is asked anew at every connection.
enum class Trait : std::uint8_t {
  WaitsForGreeting,  // was silent until it was greeted
  WaitsForReplies,   // did not pipeline where that was not offered
  SpeaksSmtp,        // no foreign protocol, bare line ends, control characters, unknown commands
};
inline constexpr std::size_t kTraits = 3;

// How often, each fading to a half in kHalfLife.
struct Counts {
  float accepted = 0;  // messages
  float refused = 0;   // recipients and messages, 5xx
  float unknown = 0;   // recipients that the MTA does not have: a harvest
  float early = 0;     // sessions that talked before their turn
  float junk = 0;      // sessions that spoke no SMTP

  Counts& operator+=(const Counts& other);
  bool operator==(const Counts&) const = default;
};
inline constexpr std::chrono::seconds kHalfLife = 7 * 24h;

struct Record {
  Key key;
  Moment first_seen{};
  Moment last_seen{};
  Moment expires{};
  std::array<Moment, kTraits> holds_until{};  // by Trait
  Counts counts;                              // as of last_seen
  // Of a network: which of its hosts failed, as a sketch of 64 bits.
  std::uint64_t failed_hosts = 0;

  bool shows(Trait trait, Moment now) const;
  // All traits hold.
  bool is_known_good(Moment now) const;
  Counts counts_at(Moment now) const;
  // Fades the counts to `now`, adds to them.
  void add(const Counts& seen, Moment now);
  void set(Trait trait, Moment until) { holds_until[static_cast<std::size_t>(trait)] = until; }
  // Of the 64 places of the sketch, how many are taken.
  int failed_host_count() const;

  bool operator==(const Record&) const = default;
};
static_assert(sizeof(Record) <= 96);

// When a table is full, the least useful of some is forgotten first.
double usefulness(const Record& record, Moment now);

}  // namespace smtpguard::filters::memory
