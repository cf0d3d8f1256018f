// Tarpit — who is being slowed down before a refusal: a bounded number of those whom nothing can
// save, and nobody any more once connections are short.
// Owns: a list of those who wait.   Called by: Session (waits), Lobby (let_go); one per event loop,
// which counts together with those of the others.
// Fails: enter() says no, and the session goes on at once.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>

#include "proxy/net/socket_wait.hpp"

namespace smtpguard::session {

class Tarpit {
  using Hook =
      boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>>;

 public:
  // `slowed`: all who wait, of any loop; it outlives this.
  explicit Tarpit(std::atomic<std::uint32_t>& slowed) : slowed_(slowed) {}

  // Of one that waits; leaves when it dies. Must not outlive the Tarpit.
  class Place : public Hook {
   public:
    Place(Tarpit& tarpit, net::SocketWait& wait) : tarpit_(tarpit), wait_(wait) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { tarpit_.leave(*this); }

    // It is to wait no longer, and to make room.
    bool is_let_go() const { return is_let_go_; }

   private:
    friend class Tarpit;
    Tarpit& tarpit_;
    net::SocketWait& wait_;
    bool is_let_go_ = false;
  };

  // False: there are `most` already.
  bool enter(Place& place, std::uint32_t most) {
    if (slowed_.fetch_add(1) >= most) {
      --slowed_;
      return false;
    }
    waiting_.push_back(place);
    return true;
  }
  // Connections are short: all who wait.
  void let_go() {
    while (!waiting_.empty()) {
      Place& place = waiting_.front();
      waiting_.pop_front();
      --slowed_;
      place.is_let_go_ = true;
      place.wait_.nudge();
    }
  }

 private:
  void leave(Place& place) {
    if (place.is_linked()) {
      waiting_.erase(waiting_.iterator_to(place));
      --slowed_;
    }
  }

  std::atomic<std::uint32_t>& slowed_;
  boost::intrusive::list<Place> waiting_;
};

}  // namespace smtpguard::session
