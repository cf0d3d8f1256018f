// Change — one record as it is now, or that it is no more: what the table tells the store.
// Owns: a copy of the record, since the table goes on changing.   Called by: Memory, Store,
// Database.   Fails: never.
#pragma once

#include "filters/memory/record.hpp"

namespace smtpguard::filters::memory {

struct Change {
  Record record;
  bool is_gone = false;  // then only the key counts
};

}  // namespace smtpguard::filters::memory
