// Backend — the connection to the real MTA on behalf of one session.
// Owns: its socket and the ClientDialog; at most one connection at a time, opened late.
// Called by: Session (questions), BodyRelay (the message).
// Fails: ask() always gives a reply; trouble becomes 451 and is told once in the session's log.
// It decides nothing: ClientDialog says what to do, this does it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/net/socket_wait.hpp"
#include "proxy/net/tcp.hpp"
#include "proxy/net/tls_stream.hpp"
#include "proxy/session/context.hpp"
#include "proxy/smtp/client_dialog.hpp"

namespace smtpguard::session {

// What is learned of one holds for the other.
bool lead_to_the_same(const BackendSettings& one, const BackendSettings& other);

class Backend {
 public:
  // `wait` is the session's one wait; `config` and the rest outlive this.
  Backend(Context& context, const BackendSettings& settings, net::SocketWait& wait)
      : context_(context), settings_(settings), wait_(wait) {}

  // Whose session it is; strangers leave some of the connections to the known.
  void set_rank(Admission::Rank rank) { rank_ = rank; }

  // Whom the next connection is opened for.
  void set_identity(smtp::ClientIdentity identity) {
    identity_ = std::make_unique<const smtp::ClientIdentity>(std::move(identity));
  }

  // Opens a connection if the question may begin one and none is usable. `question` lives until
  // then.
  net::Awaitable<smtp::Reply> ask(const smtp::Question& question);

  // A piece of the message. False: the backend is gone or has refused; see refusal().
  net::Awaitable<bool> write(std::string_view bytes);
  // Looks whether the backend has said something in the body, where nothing is due. False as above.
  bool is_silent_in_body();
  // The backend's early answer to the message, or 451.
  smtp::Reply refusal() const;

  // Ends the connection without ceremony: inside a message this is what keeps it from being
  // delivered.
  void abort();
  // Says QUIT first.
  void drop();

  bool is_connected() const { return connection_ != nullptr; }
  // The one that was asked last.
  const Endpoint& address() const { return address_; }
  struct Trouble {
    Endpoint address;
    std::string text;
  };
  // What went wrong since this was called last, in order.
  std::vector<Trouble> take_troubles() { return std::exchange(troubles_, {}); }

 private:
  struct Connection {
    Connection(net::asio::io_context& io, smtp::ClientIdentity identity)
        : socket(io.get_executor()), dialog(std::move(identity)) {}
    net::Io read_some(std::span<char> into);
    net::Io write_some(std::string_view bytes);

    Admission::BackendPlace place;
    net::Socket socket;
    std::unique_ptr<net::TlsStream> tls;  // goes before its socket
    bool reads_after_writing = false;     // what TLS has to do first
    smtp::ClientDialog dialog;
    std::string noted;  // of its trouble: a dialog keeps it, and may be asked more
  };

  // To the next of those that may be tried.
  void begin_connection(smtp::ClientIdentity identity);
  // This one gives no answer, and there is another.
  bool tries_next(const smtp::Question& question);
  // Waits a little for a place among the connections that there may be.
  net::Awaitable<bool> find_place();
  void hear_unasked(const smtp::Question& question);
  bool needs_new_connection(const smtp::Question& question) const;
  net::Awaitable<void> connect();
  net::Awaitable<void> shake_hands(TimePoint deadline);
  // The handshake has failed, and plaintext will do: another connection without TLS.
  bool tries_plaintext(const smtp::Question& question);
  net::Awaitable<void> send(std::string_view bytes, TimePoint deadline);
  net::Awaitable<void> receive(TimePoint deadline);
  // The same, while there is another backend: nothing is lost by going there.
  net::Awaitable<void> receive_greeting(TimePoint deadline);
  // Reads what is there; false: nothing was.
  bool read_now();
  // A reload may have named other backends since the session began.
  bool is_current() const;
  void finish_question();
  void keep_early_refusal();
  void tell_change(bool is_up);
  void tell_outage(const std::vector<Endpoint>& all);
  void note_trouble();
  Milliseconds time_for(smtp::ClientAction::Stage stage) const;

  Context& context_;
  const BackendSettings& settings_;
  net::SocketWait& wait_;
  Endpoint address_;
  std::vector<Endpoint> to_try_;  // after address_
  Admission::Rank rank_ = Admission::Rank::Known;
  bool lacks_place_ = false;  // which says nothing of the backend
  bool is_told_ = false;      // what went wrong says nothing new of the backend
  std::unique_ptr<const smtp::ClientIdentity> identity_;  // on the heap: most never need one
  std::unique_ptr<Connection> connection_;  // on the heap: most sessions never open one
  std::unique_ptr<const smtp::Reply> early_refusal_;
  std::vector<Trouble> troubles_;
};

}  // namespace smtpguard::session
