// Published — a value that one thread replaces as a whole and that any thread may read.
// Owns: the value as it is now; whoever got it before keeps what it was.   Called by: what is
// known once for several event loops. Fails: never.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace smtpguard {

template <typename Value>
class Published {
 public:
  using Pointer = std::shared_ptr<const Value>;

  Published() : value_(std::make_shared<const Value>()) {}

  Pointer get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  void set(Pointer value) {
    const std::lock_guard lock(mutex_);
    value_.swap(value);  // the former one goes after the lock
  }

 private:
  mutable std::mutex mutex_;
  Pointer value_;
};

}  // namespace smtpguard
