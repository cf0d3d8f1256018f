// EventLoop — one thread's share of a worker: its lobby, its sessions, its questions to the DNS.
// Owns: the io_context and everything that lives in it.   Called by: Worker, which runs the first
// one itself and gives each other one a thread; by the loop's own thread unless it says otherwise.
// Fails: an exception ends the session, visitor or handler that it left; it is logged and counted.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dns/ares_channel.hpp"
#include "dns/caching_resolver.hpp"
#include "dns/list_meter.hpp"
#include "dns/settings.hpp"
#include "proxy/net/deadline_wheel.hpp"
#include "proxy/session/context.hpp"
#include "proxy/session/lobby.hpp"
#include "proxy/session/session.hpp"
#include "proxy/session/workload.hpp"

namespace smtpguard::session {

// How a session is, for people.
struct SessionGlance {
  std::string id;
  Session::Glance glance;
};
struct SessionGlances {
  std::vector<SessionGlance> sessions;  // the oldest first
  std::size_t left_out = 0;
};

class EventLoop {
 public:
  // Opens the channels to the name servers; throws if that is impossible. `share`: one of so many
  // loops, which share the room for cached answers.
  EventLoop(Commons& commons, std::shared_ptr<const RuntimeConfig> config,
            const dns::Settings& dns_settings, std::size_t share);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop() = default;

  // Until stop_gently() or stop_now() was called and its last session has ended, and `may_end`.
  // `recover` brings back what an exception has ended; it may throw, and is tried again.
  void run(const std::function<void()>& recover, const std::function<bool()>& may_end);

  // By any thread.
  void post(std::function<void()> task);
  bool has_ended() const { return has_ended_; }
  bool has_turned_since(TimePoint time) const { return turned_at_.load() >= time; }
  // Clients that were dealt and not received yet are in nobody's limits but these.
  bool has_room_on_the_way() const { return on_the_way_ < kMostOnTheWay; }
  std::size_t cached_answers() const { return cached_answers_; }

  // A client whose socket was accepted into this loop.
  void deal(net::Socket socket, const Endpoint& client,
            std::shared_ptr<const ListenerSettings> listener);

  void receive(net::Socket socket, const Endpoint& client,
               std::shared_ptr<const ListenerSettings> listener);

  void follow(std::shared_ptr<const RuntimeConfig> config);
  // Of those who are strangers, at most so many: the silent first.
  void send_away(std::size_t at_most);
  // Visitors and idle sessions get 421, transactions may end.
  void stop_gently();
  void stop_now();
  void end_if_done();
  SessionGlances look(std::size_t at_most) const;

  net::asio::io_context& io() { return io_; }
  net::DeadlineWheel& wheel() { return wheel_; }
  dns::Loop& dns_loop() { return dns_loop_; }
  // Behind the cache.
  dns::Resolver& name_servers() { return *name_servers_; }
  Context& context() { return context_; }

 private:
  static constexpr std::size_t kMostOnTheWay = 256;

  // Shows that the loop turns.
  class Pulse final : public net::DeadlineWheel::Entry {
   public:
    explicit Pulse(EventLoop& loop) : loop_(loop) { on_deadline(); }
    void on_deadline() noexcept override;

   private:
    EventLoop& loop_;
  };

  void begin_session(Arrival arrival);
  void session_ended(std::unique_ptr<Session> session, const std::exception_ptr& crash);

  Commons& commons_;
  net::asio::io_context io_{1};
  net::DeadlineWheel wheel_{io_};
  dns::AsioLoop dns_loop_{io_};
  std::unique_ptr<dns::Resolver> name_servers_;
  dns::ListMeter meter_;
  dns::CachingResolver resolver_;
  Context context_;
  Lobby lobby_;
  boost::intrusive::list<Session, boost::intrusive::constant_time_size<false>> sessions_;
  Workload workload_;
  std::atomic<TimePoint> turned_at_{};
  std::atomic<std::size_t> cached_answers_{0};
  std::atomic<std::size_t> on_the_way_{0};
  std::atomic<bool> has_ended_{false};
  Pulse pulse_{*this};
  std::function<bool()> may_end_;
  bool is_stopping_ = false;
};

}  // namespace smtpguard::session
