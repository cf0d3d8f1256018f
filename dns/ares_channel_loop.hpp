// AsioLoop — the Loop of real life, over an io_context.
// Owns: one timer for each delayed task that has not run.   Called by: AresChannel and, through
// Loop, the other resolvers; one per event loop.   Fails: never.
// It stands beside AresChannel because only files of that name may use Asio in this room. Delayed
// tasks are for fakes and for what comes once in a while: real sessions have one wheel for all
// their deadlines.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <list>
#include <memory>

#include "dns/loop.hpp"

namespace smtpguard::dns {

class AsioLoop final : public Loop {
 public:
  explicit AsioLoop(boost::asio::io_context& io) : io_(io) {}

  TimePoint now() const override { return SteadyClock::now(); }
  void post(Task task) override;
  void call_after(Milliseconds delay, Task task) override;

  boost::asio::io_context& io() { return io_; }

 private:
  using Timer =
      boost::asio::basic_waitable_timer<SteadyClock, boost::asio::wait_traits<SteadyClock>,
                                        boost::asio::io_context::executor_type>;

  boost::asio::io_context& io_;
  // Shared so that a timer that has expired, but whose handler runs late, finds out that all is
  // over.
  std::shared_ptr<std::list<Timer>> timers_ = std::make_shared<std::list<Timer>>();
};

}  // namespace smtpguard::dns
