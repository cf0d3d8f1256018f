// Turn — whose turn it is among the event loops to get the next client: one after the other, so
// that a storm meets each with its share, and nobody needs to know how busy the others are.
// Owns: the order.   Called by: Listener (asks, passes), Worker (adds); by the thread that accepts.
// Fails: never; there is at least one.
#pragma once

#include <cstddef>
#include <vector>

namespace smtpguard::session {

class EventLoop;

class Turn {
 public:
  explicit Turn(EventLoop& first) : loops_{&first} {}

  void add(EventLoop& loop) { loops_.push_back(&loop); }
  // The first so many alone.
  void keep(std::size_t loops) {
    loops_.resize(loops);
    at_ = 0;
  }
  // Who has too many on the way already is passed over; null: all have.
  EventLoop* next();
  void pass() { at_ = (at_ + 1) % loops_.size(); }
  std::size_t loops() const { return loops_.size(); }

 private:
  std::vector<EventLoop*> loops_;
  std::size_t at_ = 0;
};

}  // namespace smtpguard::session
