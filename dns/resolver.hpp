// Resolver — asks the DNS one question and gives the answer to a sink, once, later.
// Owns: the look-ups in flight; the one who asked owns the LookupHandle.   Called by: the chain of
// filters, on the thread of the event loop.   Fails: by the Outcome of the Answer, always told.
// Promises, tested for every kind of resolver:
//   - the sink is never called inside ask();
//   - it is called at most once, and exactly once while handle and resolver live;
//   - it is never called after the handle or the resolver was destroyed, so it may hold a plain
//     reference to the one who owns the handle; it may destroy handle and resolver.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "dns/answer.hpp"
#include "dns/question.hpp"

namespace smtpguard::dns {

using Sink = std::function<void(const Answer&)>;

// What a resolver keeps of one ask(). Shared by the resolver, which outlives many sessions, and by
// the handle, which goes with its session: whoever ends first leaves the other a dead entry.
class Lookup {
 public:
  explicit Lookup(Sink sink) : sink_(std::move(sink)) {}

  bool is_open() const { return static_cast<bool>(sink_); }
  void drop() noexcept {
    // What the sink holds may end here, and ask about us on its way.
    const Sink dropped = std::exchange(sink_, nullptr);
  }
  void deliver(const Answer& answer) {
    // Closed first: the sink may destroy the handle or ask again.
    if (const Sink sink = std::exchange(sink_, nullptr)) {
      sink(answer);
    }
  }

 private:
  Sink sink_;
};

using SharedLookup = std::shared_ptr<Lookup>;

class [[nodiscard]] LookupHandle {
 public:
  LookupHandle() = default;
  explicit LookupHandle(SharedLookup lookup) : lookup_(std::move(lookup)) {}
  LookupHandle(LookupHandle&& other) noexcept = default;
  LookupHandle& operator=(LookupHandle&& other) noexcept {
    if (this != &other) {
      drop();
      lookup_ = std::move(other.lookup_);
    }
    return *this;
  }
  LookupHandle(const LookupHandle&) = delete;
  LookupHandle& operator=(const LookupHandle&) = delete;
  ~LookupHandle() { drop(); }

  // No answer yet.
  bool is_open() const { return lookup_ != nullptr && lookup_->is_open(); }
  void drop() noexcept {
    if (const SharedLookup lookup = std::exchange(lookup_, nullptr)) {
      lookup->drop();
    }
  }

 private:
  SharedLookup lookup_;
};

class Resolver {
 public:
  Resolver() = default;
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  virtual ~Resolver() = default;

  virtual LookupHandle ask(const Question& question, Sink sink) = 0;
};

}  // namespace smtpguard::dns
