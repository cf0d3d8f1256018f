// Remembered — what the memory says of a client: facts like any other, for filters and for the log.
// Owns: values.   Called by: Memory (fills it), SessionFacts (holds it), filters.   Fails: never;
// of a stranger all of it is empty.
#pragma once

#include <string>

#include "filters/memory/record.hpp"

namespace smtpguard::filters::memory {

struct Remembered {
  // It has shown that it waits and speaks SMTP, and what it has shown still holds: no wait for it.
  bool is_known_good = false;
  std::string known_by;  // the address or the organisation that is known good; else empty
  Moment since{};        // when that was first seen
  bool is_seen = false;  // there is a record of the address or the organisation
  Counts counts;         // of the address or the organisation, whichever has more, faded to now

  int failed_neighbours = 0;  // hosts of its network that failed, of 64 places

  bool operator==(const Remembered&) const = default;
};

// The sender in hand has written before, and nobody else can say so of himself.
struct Correspondent {
  std::string domain;
  std::string by;  // the network or organisation it came from then; empty: its own confirmed name
  Moment since{};

  bool operator==(const Correspondent&) const = default;
};

}  // namespace smtpguard::filters::memory
