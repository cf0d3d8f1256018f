// Tarpit — who is being slowed down before a refusal: a bounded number of those whom nothing can
// save, and nobody any more once connections are short.
// Owns: a list of those who wait.   Called by: Session (waits), Lobby (let_go); one per worker.
// Fails: enter() says no, and the session goes on at once.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>

#include "proxy/net/socket_wait.hpp"

namespace smtpguard::session {

class Tarpit {
  using Hook =
      boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>>;

 public:
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
    if (waiting_.size() >= most) {
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
      place.is_let_go_ = true;
      place.wait_.nudge();
    }
  }
  std::size_t size() const { return waiting_.size(); }

 private:
  void leave(Place& place) {
    if (place.is_linked()) {
      waiting_.erase(waiting_.iterator_to(place));
    }
  }

  boost::intrusive::list<Place> waiting_;
};

}  // namespace smtpguard::session
