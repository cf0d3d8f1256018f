// AresChannel — the Resolver of real life: c-ares (1.18 and later) inside the event loop.
// Owns: two lanes (c-ares channels) for each server, the questions under way, one timer.
// Called by: CachingResolver; one per event loop, used only on its thread.
// Fails: open() if c-ares cannot start or the system has no entropy; questions by their Outcome.
// Failover is ours, because c-ares' own cannot tell SERVFAIL from REFUSED. A server that fails a
// question passes it to the next at once; one that is silent for `patience` is joined by the next
// one while its own answer stays welcome, and is asked last for a while. Query ids come from the
// system, not from c-ares: in a chroot without /dev/urandom version 1.18 starts every process with
// the same ones.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/ip_address.hpp"
#include "conf/base/result.hpp"
#include "dns/ares_channel_loop.hpp"
#include "dns/resolver.hpp"

namespace smtpguard::dns {

struct ChannelSettings {
  // In order of preference; at least one (read_resolv_conf() has some).
  std::vector<Endpoint> servers;
  // How long one server may be silent before the next one, or the same one again, is asked.
  Milliseconds patience{1000};
  // How long one question may take altogether.
  Milliseconds budget{3000};
  // A server that was silent for `patience` is asked last for so long.
  Milliseconds avoid_silent{10'000};
  std::size_t most_in_flight = 2000;
};

class AresChannel final : public Resolver {
 public:
  // The loop must live longer.
  static Result<std::unique_ptr<AresChannel>> open(AsioLoop& loop, ChannelSettings settings);
  ~AresChannel() override;

  LookupHandle ask(const Question& question, Sink sink) override;
  std::size_t in_flight() const;

 private:
  class State;
  explicit AresChannel(std::shared_ptr<State> state);

  // Shared with the handler of the timer, which holds it weakly.
  std::shared_ptr<State> state_;
};

}  // namespace smtpguard::dns
