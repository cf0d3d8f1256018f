// Loop — what resolvers need of an event loop: the time, and "call me later".
// Owns: what was posted and has not run.   Called by: CachingResolver, FakeResolver, Delivery.
// Fails: never. Two kinds: AsioLoop (dns/ares_channel_loop.hpp) and ManualLoop (tests/support),
// so that caches and look-ups are tested without a socket and without waiting.
#pragma once

#include <functional>

#include "conf/base/clock.hpp"

namespace smtpguard::dns {

class Loop {
 public:
  using Task = std::function<void()>;

  Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop() = default;

  virtual TimePoint now() const = 0;
  // Runs the task soon, never inside this call.
  virtual void post(Task task) = 0;
  virtual void call_after(Milliseconds delay, Task task) = 0;
};

}  // namespace smtpguard::dns
