// Delivery — brings answers to sinks later, and never after its own end.
// Owns: the token that its posted tasks look at.   Called by: every Resolver, as a member.
// Fails: never. A task of the loop cannot be taken back, so it must find out that it is late.
#pragma once

#include <memory>
#include <utility>

#include "dns/loop.hpp"
#include "dns/resolver.hpp"

namespace smtpguard::dns {

class Delivery {
 public:
  explicit Delivery(Loop& loop) : loop_(loop) {}

  void post(SharedLookup lookup, Answer answer) {
    loop_.post(task(std::move(lookup), std::move(answer)));
  }
  void post_after(Milliseconds delay, SharedLookup lookup, Answer answer) {
    loop_.call_after(delay, task(std::move(lookup), std::move(answer)));
  }
  // Expires with this object: for loops over sinks, any of which may destroy the resolver.
  std::weak_ptr<const void> token() const { return alive_; }

 private:
  Loop::Task task(SharedLookup lookup, Answer answer) const {
    return [alive = token(), lookup = std::move(lookup), answer = std::move(answer)] {
      if (!alive.expired()) {
        lookup->deliver(answer);
      }
    };
  }

  Loop& loop_;
  std::shared_ptr<const void> alive_ = std::make_shared<char>();
};

}  // namespace smtpguard::dns
