#include "proxy/session/turn.hpp"

#include "proxy/session/event_loop.hpp"

namespace smtpguard::session {

EventLoop* Turn::next() {
  for (std::size_t looked = 0; looked < loops_.size(); ++looked) {
    if (loops_[at_]->has_room_on_the_way()) {
      return loops_[at_];
    }
    pass();
  }
  return nullptr;
}

}  // namespace smtpguard::session
