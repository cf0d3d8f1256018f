// Lobby — where a client that has said nothing yet waits for its greeting.
// Owns: the visitors: one small object each, without coroutine or buffer.   Called by: Listener.
// Fails: who closes, is refused or sends a bad PROXY header is logged and gone; out of memory, the
// visitor at hand is gone and receive() throws.
// Steps 1 and 2 of a connection's path: PROXY header from trusted networks, admission, questions to
// the DNS, the teaser, then the early window: until bytes come, or it is over and all answers are
// in. Then a Session begins.
#pragma once

#include <boost/intrusive/list.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/net/deadline_wheel.hpp"
#include "proxy/net/tcp.hpp"
#include "proxy/session/context.hpp"
#include "proxy/session/inquiry.hpp"
#include "proxy/session/session.hpp"

namespace smtpguard::session {

class Lobby {
 public:
  // `begin_session` takes over a visitor whose greeting is due.
  Lobby(Context& context, std::function<void(Arrival)> begin_session)
      : context_(context), begin_session_(std::move(begin_session)) {}
  Lobby(const Lobby&) = delete;
  Lobby& operator=(const Lobby&) = delete;
  ~Lobby();

  void receive(net::Socket socket, const Endpoint& client,
               std::shared_ptr<const ListenerSettings> listener);

  // Sends a stranger away that has said nothing, the one that waits longest. False: there is none.
  bool make_room(std::string_view why);
  // Everybody gets 421; nobody is let in any more.
  void close();

  std::size_t size() const { return visitors_.size(); }

 private:
  // The wait's handler is the only one who acts on a visitor; a deadline or the close of the lobby
  // just cancels the wait, so no handler can ever run for a visitor that is gone.
  class Visitor final : public net::DeadlineWheel::Entry,
                        public boost::intrusive::list_base_hook<boost::intrusive::tag<Lobby>> {
   public:
    Visitor(net::Socket accepted, std::shared_ptr<const ListenerSettings> where,
            std::unique_ptr<Inquiry> begun)
        : socket(std::move(accepted)), listener(std::move(where)), inquiry(std::move(begun)) {}

    void on_deadline() noexcept override;
    void cancel() noexcept;
    const GreetingSettings& greeting() const;
    // Whoever need not show that it waits.
    bool is_greeted_at_once() const;

    net::Socket socket;
    // As of its arrival, as the inquiry's configuration: a reload gives the listener other
    // settings, and they belong together.
    std::shared_ptr<const ListenerSettings> listener;
    TimePoint began = SteadyClock::now();
    TimePoint named = began;  // since when we know who it is: a front end may take its time
    std::unique_ptr<std::string> proxy_header;  // while it is being read
    Admission::Ticket ticket;
    std::unique_ptr<Inquiry> inquiry;
    bool is_admitted = false;  // whom we have no room for is not judged
    bool is_expired = false;
    std::string_view displaced_for;  // why it has to go, in words that never end; empty: it has not
  };
  using Visitors = boost::intrusive::list<
      Visitor,
      boost::intrusive::base_hook<boost::intrusive::list_base_hook<boost::intrusive::tag<Lobby>>>>;

  // Whoever holds the pointer owns the visitor: it waits in the list, or is being looked at. So an
  // exception on the way (memory has run out) ends this one visitor and nobody else.
  using Held = std::unique_ptr<Visitor>;

  void wait(Held visitor, TimePoint deadline);
  void on_wake(Visitor& visitor);
  void look_at(Held visitor);
  void read_proxy_header(Held visitor);
  // The client's true address is known; `front_end`: who told it, null if nobody did.
  void admit(Held visitor, const Endpoint* front_end);
  std::string block_of(const Visitor& visitor, const filters::SessionFacts& facts);
  std::variant<Admission::Ticket, Admission::Refusal> find_place(Visitor& visitor);
  void tell_stress();
  void greet(Held visitor);
  void on_early_window(Held visitor);
  static void ask_once(Inquiry& inquiry, TimePoint since);
  void let_in(Held visitor);
  void send_away_early_talker(Held visitor, std::size_t unread);
  void dismiss(Held visitor, filters::Ending ending, std::string_view detail);

  Context& context_;
  std::function<void(Arrival)> begin_session_;
  Visitors visitors_;
  bool is_closed_ = false;
  bool is_stressed_ = false;
};

}  // namespace smtpguard::session
