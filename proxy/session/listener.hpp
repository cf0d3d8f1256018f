// Listener — accepts connections at one address and sends them to the lobby.
// Owns: the listening socket.   Called by: Worker.
// Fails: never; a client that left already is nothing, and without free descriptors it pauses for
// 100 ms at a time and says so at most once a minute.
#pragma once

#include "proxy/net/tcp.hpp"
#include "proxy/session/context.hpp"
#include "proxy/session/lobby.hpp"

namespace smtpguard::session {

class Listener {
 public:
  // `settings` outlives this.
  Listener(Context& context, Lobby& lobby, const ListenerSettings& settings, net::Acceptor acceptor)
      : context_(context), lobby_(lobby), settings_(settings), acceptor_(std::move(acceptor)) {}

  net::Awaitable<void> run();
  void close();

 private:
  // Takes what is there. False: descriptors or memory have run out.
  bool accept_some();

  Context& context_;
  Lobby& lobby_;
  const ListenerSettings& settings_;
  net::Acceptor acceptor_;
  TimePoint complained_{};
};

}  // namespace smtpguard::session
