// DeadlineWheel — all deadlines of one event loop behind one timer.
// Owns: the timer and 2,048 slots of 20 ms.   Called by: SocketWait, Lobby; one per event loop.
// Fails: never. A deadline comes at its time or up to 20 ms later, never before.
// Arming and disarming are a few pointer writes; a timer object per session would cost more than
// the session. An entry that is destroyed leaves the wheel by itself, so it cannot be called later.
#pragma once

#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <cstddef>

#include "conf/base/clock.hpp"
#include "proxy/net/types.hpp"

namespace smtpguard::net {

class DeadlineWheel {
  using Hook =
      boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

 public:
  class Entry : public Hook {
   public:
    Entry() = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    virtual ~Entry() = default;

    bool is_armed() const { return is_linked(); }
    void disarm() { unlink(); }
    // As it was armed last.
    TimePoint deadline() const { return deadline_; }

   private:
    friend class DeadlineWheel;
    // Called from the event loop, unlinked; may destroy the entry.
    virtual void on_deadline() noexcept = 0;

    TimePoint deadline_{};
  };

  explicit DeadlineWheel(asio::io_context& io);
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;
  ~DeadlineWheel() = default;

  // Re-arms if armed.
  void arm(Entry& entry, TimePoint deadline);
  // Goes on after an exception in the loop kept the next tick from being waited for.
  void recover();
  // For the end of the loop, for good: a ticking timer keeps io_context::run() from returning.
  void stop();

 private:
  using Slot = boost::intrusive::list<Entry, boost::intrusive::constant_time_size<false>>;
  using Timer = asio::basic_waitable_timer<SteadyClock, asio::wait_traits<SteadyClock>, Executor>;

  void start();
  void tick();
  std::uint64_t tick_of(TimePoint when) const;

  static constexpr std::size_t kSlots = 2048;

  Timer timer_;
  TimePoint origin_;
  std::uint64_t next_tick_ = 0;  // the first tick that was not run yet
  bool is_running_ = false;
  bool is_waiting_ = false;  // for the next tick, or for the next turn of this one
  bool is_stopped_ = false;
  std::array<Slot, kSlots> slots_;
  Slot due_;  // of ticks that were reached
};

}  // namespace smtpguard::net
