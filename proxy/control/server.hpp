// ControlServer — answers smtpguardctl on the control socket, beside the sessions of a worker.
// Owns: the listening socket and at most 8 clients, each with one request and one answer.
// Called by: service, which implements Commands.
// Fails: never outwards; a client that is slow, says too much or is one too many is told and gone.
// Nothing here waits: what a client does not take at once is written when it does.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <memory>
#include <vector>

#include "conf/base/descriptor.hpp"
#include "conf/base/log.hpp"
#include "proxy/control/commands.hpp"
#include "proxy/net/deadline_wheel.hpp"
#include "proxy/net/types.hpp"

namespace smtpguard::control {

inline constexpr std::size_t kMostClients = 8;

class ControlServer {
 public:
  // All but the descriptor outlive this.
  ControlServer(net::asio::io_context& io, net::DeadlineWheel& wheel, Commands& commands, Log& log,
                Descriptor listening);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

  // No more clients; another process answers from now on.
  void close();
  std::size_t clients() const { return clients_.size(); }

 private:
  using Protocol = net::asio::local::stream_protocol;
  using Acceptor = net::asio::basic_socket_acceptor<Protocol, net::Executor>;
  using Socket = net::asio::basic_stream_socket<Protocol, net::Executor>;
  class Client;
  friend class Client;

  // Accepting goes on later: descriptors or memory have run out.
  class Pause final : public net::DeadlineWheel::Entry {
   public:
    explicit Pause(ControlServer& server) : server_(server) {}
    void on_deadline() noexcept override { server_.go_on(); }

   private:
    ControlServer& server_;
  };

  void go_on() noexcept;
  void wait();
  // Takes who is there. False: descriptors have run out.
  bool accept_some();
  void admit(Socket socket);
  void forget(const Client& client);

  net::DeadlineWheel& wheel_;
  Commands& commands_;
  Log& log_;
  Acceptor acceptor_;
  Pause pause_{*this};
  // Shared with the waits and orders of each, which may end after this is gone.
  std::vector<std::shared_ptr<Client>> clients_;
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
};

}  // namespace smtpguard::control
