// Worker — the event loops of one process and what they share: it listens, deals connections out to
// the loops, learns what the backends can do, and looks after DNS lists and memory.
// Owns: the loops and their threads, the listeners, Commons.   Called by: service::WorkerProcess,
// in the thread of the first loop, which is home to all that there is once.
// Fails: an exception ends the session, visitor or handler that it left; it is logged and counted.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "dns/settings.hpp"
#include "dns/spf_book.hpp"
#include "proxy/session/commons.hpp"
#include "proxy/session/event_loop.hpp"
#include "proxy/session/list_watch.hpp"
#include "proxy/session/listener.hpp"
#include "proxy/session/memory_ceiling.hpp"
#include "proxy/session/running.hpp"
#include "proxy/session/turn.hpp"

namespace smtpguard::session {

class Worker {
 public:
  // What outlives it: who writes the log, what is remembered of clients, and where sessions write
  // themselves in case of a crash; both may be null.
  struct Books {
    SessionLog& log;
    filters::memory::Memory* memory = nullptr;
    Ledger* ledger = nullptr;
  };
  // Opens the channels to the name servers; throws if that is impossible. `loops`: at least one.
  Worker(const Books& books, const std::shared_ptr<const RuntimeConfig>& config,
         const dns::Settings& dns_settings, std::size_t loops);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  void listen(std::shared_ptr<const ListenerSettings> settings, net::Descriptor listening);
  // Asks the backends what they can do, until all have answered once.
  void learn_capabilities();

  struct ListenerChange {
    std::shared_ptr<const ListenerSettings> settings;
    net::Descriptor listening;  // none: the one that listens there already
  };
  // From now on; who is here keeps the rules under which it came. Listeners that are not named are
  // closed.
  void reconfigure(const std::shared_ptr<const RuntimeConfig>& config,
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

  // For signal handlers of the service, which run in the first loop.
  net::asio::io_context& io() { return home().io(); }
  net::DeadlineWheel& wheel() { return home().wheel(); }

  // For whoever asks how it is.
  const RuntimeConfig& config() const { return *config_; }
  bool is_stopping() const { return is_stopping_ || is_retiring_; }
  // Whether every loop has turned lately; this thread's does.
  bool turns() const;
  const BackendHealth& backends() const { return commons_.backends; }
  const ListWatch& lists() const { return list_watch_; }
  std::size_t loops() const { return loops_.size(); }
  std::size_t slowed() const { return commons_.slowed; }
  std::size_t visitors() const { return commons_.visitors; }
  std::size_t sessions() const { return commons_.sessions; }
  // Calls `done` in the first loop, at once or once every loop has looked, with at most so many.
  using Seen = std::function<void(SessionGlances)>;
  void look_at_sessions(std::size_t at_most, Seen done);

 private:
  using Timer = net::asio::basic_waitable_timer<SteadyClock, net::asio::wait_traits<SteadyClock>,
                                                net::Executor>;

  class Patience final : public net::DeadlineWheel::Entry {
   public:
    explicit Patience(Worker& worker) : worker_(worker) {}
    void on_deadline() noexcept override { worker_.end_of_patience(); }

   private:
    Worker& worker_;
  };

  EventLoop& home() { return *loops_.front(); }
  void start_threads();
  void run_beside(EventLoop& loop);
  // In each loop: here at once, in the others soon.
  void everywhere(const std::function<void(EventLoop&)>& task);
  void look_on(std::size_t loop, std::size_t at_most, std::shared_ptr<SessionGlances> seen,
               Seen done);
  void serve(Listener& listener);
  void send_away(std::size_t at_most);
  std::optional<std::uint64_t> memory_of_clients() const;
  void recover();
  void watch_lists();
  bool has_ended() const;
  Listener make_listener(std::shared_ptr<const ListenerSettings> settings,
                         net::Descriptor listening);
  Listener* find_listener(const Endpoint& address);
  Milliseconds drain_time() const { return drain_time_.value_or(config_->limits.drain_timeout); }
  // No more clients, no more questions to the backends.
  void close_doors();
  void end_of_patience();
  net::Awaitable<void> learn(Running running);

  std::shared_ptr<const RuntimeConfig> config_;
  Commons commons_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  Turn turn_;  // of those that have a thread
  ListWatch list_watch_;
  dns::SpfBook spf_book_;
  std::list<Listener> listeners_;
  net::SocketWait learning_;
  Timer pause_;  // between two looks at the backends
  Patience patience_{*this};
  MemoryCeiling memory_ceiling_;
  std::optional<Milliseconds> drain_time_;
  TimePoint retired_at_{};
  std::vector<std::thread> threads_;  // of all loops but the first
  std::size_t running_ = 0;           // of them
  bool is_learning_ = false;
  bool is_retiring_ = false;
  bool is_stopping_ = false;
};

}  // namespace smtpguard::session
