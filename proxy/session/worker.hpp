// Worker — one event loop with its lobby, its sessions and its listeners.
// Owns: the io_context and everything that lives in it.   Called by: service::App, tests.
// Fails: an exception ends the session, visitor or handler that it left; it is logged and counted.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dns/ares_channel.hpp"
#include "dns/caching_resolver.hpp"
#include "dns/list_meter.hpp"
#include "dns/settings.hpp"
#include "dns/spf_book.hpp"
#include "proxy/session/context.hpp"
#include "proxy/session/list_watch.hpp"
#include "proxy/session/listener.hpp"
#include "proxy/session/lobby.hpp"
#include "proxy/session/memory_ceiling.hpp"
#include "proxy/session/session.hpp"
#include "proxy/session/workload.hpp"

namespace smtpguard::session {

class Worker {
 public:
  // Opens the channels to the name servers; throws if that is impossible.
  Worker(SessionLog& log, std::shared_ptr<const RuntimeConfig> config,
         const dns::Settings& dns_settings);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Sessions write themselves into it from now on; it outlives the worker.
  void keep_ledger(Ledger& ledger) { context_.ledger = &ledger; }
  // What is remembered of clients; it outlives the worker.
  void keep_memory(filters::memory::Memory& memory) { context_.memory = &memory; }
  void listen(std::shared_ptr<const ListenerSettings> settings, net::Descriptor listening);
  // Asks the backend what it can do, until it has answered once.
  void learn_capabilities();

  struct ListenerChange {
    std::shared_ptr<const ListenerSettings> settings;
    net::Descriptor listening;  // none: the one that listens there already
  };
  // From now on; who is here keeps the rules under which it came. Listeners that are not named are
  // closed.
  void reconfigure(std::shared_ptr<const RuntimeConfig> config,
                   std::vector<ListenerChange> listeners);
  bool listens_at(const Endpoint& address) const;

  // Until retire(), stop_gently() or stop_now() was called and the last session has ended.
  void run();

  // How long sessions may take to end; else drain_timeout, of the rules that they began under.
  void drain_within(Milliseconds time) { drain_time_ = time; }
  // No new connections; who is here goes on as if nothing had happened, for the time to drain.
  void retire();

  // No new connections; visitors and idle sessions get 421, transactions may end within
  // the time to drain.
  void stop_gently();
  void stop_now();

  // For signal handlers of the service, which run in this loop.
  net::asio::io_context& io() { return io_; }
  net::DeadlineWheel& wheel() { return wheel_; }

  // For whoever asks how it is.
  const RuntimeConfig& config() const { return *context_.config; }
  bool is_stopping() const { return is_stopping_ || is_retiring_; }
  const BackendHealth& backends() const { return context_.backends; }
  template <typename Visit>
  void for_each_session(const Visit& visit) const {
    for (const Session& session : sessions_) {
      visit(session);
    }
  }
  const ListWatch& lists() const { return list_watch_; }
  std::size_t slowed() const { return context_.tarpit.size(); }
  std::size_t visitors() const { return lobby_.size(); }
  // Counts them.
  std::size_t sessions() const { return sessions_.size(); }

 private:
  class Patience final : public net::DeadlineWheel::Entry {
   public:
    explicit Patience(Worker& worker) : worker_(worker) {}
    void on_deadline() noexcept override { worker_.end_of_patience(); }

   private:
    Worker& worker_;
  };

  void begin_session(Arrival arrival);
  void serve(Listener& listener);
  std::size_t send_away(std::size_t at_most);
  std::optional<std::uint64_t> memory_of_clients() const;
  void session_ended(std::unique_ptr<Session> session, const std::exception_ptr& crash);
  void recover();
  void watch_lists();
  Listener* find_listener(const Endpoint& address);
  Milliseconds drain_time() const {
    return drain_time_.value_or(context_.config->limits.drain_timeout);
  }
  void end_of_patience();
  void end_if_done();
  net::Awaitable<void> learn();

  Admission admission_;  // outlives what hangs in the loop
  net::asio::io_context io_{1};
  net::DeadlineWheel wheel_{io_};
  dns::AsioLoop dns_loop_{io_};
  std::unique_ptr<dns::Resolver> name_servers_;
  dns::ListMeter meter_;
  dns::CachingResolver resolver_;
  ListWatch list_watch_;
  dns::SpfBook spf_book_;
  Context context_;
  Lobby lobby_;
  std::list<Listener> listeners_;
  boost::intrusive::list<Session, boost::intrusive::constant_time_size<false>> sessions_;
  net::SocketWait learning_{wheel_};
  Patience patience_{*this};
  Workload workload_;
  MemoryCeiling memory_ceiling_;
  std::optional<Milliseconds> drain_time_;
  TimePoint retired_at_{};
  bool is_learning_ = false;
  bool is_retiring_ = false;
  bool is_stopping_ = false;
};

}  // namespace smtpguard::session
