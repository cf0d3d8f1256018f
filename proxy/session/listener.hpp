// Listener — accepts connections at one address and deals them out to the event loops.
// Owns: the listening socket.   Called by: Worker.
// Fails: never; a client that left already is nothing, and without free descriptors it pauses for
// 100 ms at a time and says so at most once a minute.
#pragma once

#include <memory>
#include <utility>

#include "proxy/net/tcp.hpp"
#include "proxy/session/event_loop.hpp"
#include "proxy/session/running.hpp"
#include "proxy/session/turn.hpp"

namespace smtpguard::session {

class Listener {
 public:
  // `home`: the loop that accepts. Both loop and turn outlive it.
  Listener(EventLoop& home, Turn& turn, std::shared_ptr<const ListenerSettings> settings,
           net::Acceptor acceptor)
      : home_(home), turn_(turn), settings_(std::move(settings)), acceptor_(std::move(acceptor)) {}

  net::Awaitable<void> run();
  // False once run()'s coroutine is gone, however it ended: then it must be run again.
  bool is_running() const { return is_running_; }
  bool is_open() const { return acceptor_.is_open(); }
  void close();

  const Endpoint& address() const { return settings_->address; }
  // For those who connect from now on; the address stays.
  void change(std::shared_ptr<const ListenerSettings> settings) { settings_ = std::move(settings); }

 private:
  // Running lives in the coroutine's frame, so that the flag is true even when nobody could be told
  // of its end.
  net::Awaitable<void> accept_until_closed(Running running);
  // Takes what is there. False: descriptors or memory have run out, or no loop keeps pace.
  bool accept_some();
  bool hand_over(EventLoop& loop, net::Socket socket, const Endpoint& client);

  EventLoop& home_;
  Turn& turn_;
  std::shared_ptr<const ListenerSettings> settings_;
  net::Acceptor acceptor_;
  TimePoint complained_{};
  bool is_running_ = false;
};

}  // namespace smtpguard::session
