// Change — one record or block as it is now, or that it is no more: what the table tells the store.
// Owns: a copy of the record, since the table goes on changing.   Called by: Memory, Store,
// Database.   Fails: never.
#pragma once

#include <memory>

#include "filters/memory/block.hpp"
#include "filters/memory/record.hpp"

namespace smtpguard::filters::memory {

struct Change {
  Record record;
  bool is_gone = false;                  // then only the key, or the network, counts
  std::shared_ptr<const Block> block{};  // null: the record is meant
};

}  // namespace smtpguard::filters::memory
