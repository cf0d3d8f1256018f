// ConsoleResolver — a Resolver for programs without an event loop: asks, then waits for all
// answers. Owns: an event loop, the channel or the answers file behind it, the questions under way.
// Called by: smtpguardctl; one thread.   Fails: open() as AresChannel does; questions by their
// Outcome. Nothing is remembered: who asks from a terminal wants to know how it is now.
//
//   const auto resolver = ConsoleResolver::open(settings).value();
//   const auto handle = resolver->ask(question, [&](const Answer& answer) { ... });
//   resolver->run(3s);  // the sinks are called in here, and may ask again
#pragma once

#include <boost/asio/io_context.hpp>
#include <list>
#include <memory>

#include "conf/base/clock.hpp"
#include "conf/base/result.hpp"
#include "dns/ares_channel_loop.hpp"
#include "dns/resolver.hpp"
#include "dns/settings.hpp"

namespace smtpguard::dns {

class ConsoleResolver final : public Resolver {
 public:
  // Asks the servers of the settings or, if they have answers, those alone.
  static Result<std::unique_ptr<ConsoleResolver>> open(const Settings& settings);
  ~ConsoleResolver() override;

  LookupHandle ask(const Question& question, Sink sink) override;
  // Until everything that was asked is answered, which is true, or `budget` is over. Questions that
  // are open then stay open: run() may be called again, and handles may be dropped.
  bool run(Milliseconds budget);

 private:
  struct Flight {
    SharedLookup lookup;
    LookupHandle behind;
  };

  ConsoleResolver() = default;
  bool is_answered();

  boost::asio::io_context io_{1};
  AsioLoop loop_{io_};
  std::unique_ptr<Resolver> behind_;
  std::list<Flight> flights_;
};

}  // namespace smtpguard::dns
