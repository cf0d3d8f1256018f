// BackendHealth — which of the backends answer and what they offer, as of the last time that
// somebody tried.
// Owns: one entry for each backend that was tried.   Called by: Backend, Worker; any thread,
// one per process.
// Fails: never. Real traffic tells most; the worker's probe tells when one is back.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/ip_address.hpp"
#include "proxy/smtp/capabilities.hpp"

namespace smtpguard::session {

class BackendHealth {
 public:
  // In which order to try them: those that answer or were never tried as they are preferred, then
  // those that are down, since the last hope may have come back. Else a probe finds that out, for
  // no client shall wait for one that hangs while another works.
  std::vector<Endpoint> order(const std::vector<Endpoint>& preferred) const;

  // Both return whether that is news, which is told once.
  bool worked(const Endpoint& backend, TimePoint now);
  bool failed(const Endpoint& backend, TimePoint now);
  // Whether somebody has found that out: who waits for the same need not wait any longer.
  bool has_failed_since(const Endpoint& backend, TimePoint since) const;
  // A client has waited for it for long, which may be the client's fault: a probe is due, unless
  // somebody was answered meanwhile. False: it is not, or was before.
  bool suspect(const Endpoint& backend, TimePoint since);

  // None of them answers, as opposed to the last time that this was asked; told once as well.
  // Nothing: as before.
  std::optional<bool> outage_news(const std::vector<Endpoint>& preferred);

  // What it said behind EHLO.
  void learned(const Endpoint& backend, const smtp::Capabilities& capabilities);
  // What all of them can do that have said so: whichever of them gets the message. Nothing: none
  // has.
  std::optional<smtp::Capabilities> offered(const std::vector<Endpoint>& preferred) const;

  // Nothing: not tried yet.
  std::optional<bool> is_up(const Endpoint& backend) const;
  // When it answered last. Nothing: never.
  std::optional<TimePoint> heard_at(const Endpoint& backend) const;
  // The first that is suspected, that is down and whose rest is over, or that was never asked what
  // it offers.
  std::optional<Endpoint> due(const std::vector<Endpoint>& preferred, TimePoint now) const;
  // All answer, have said what they offer, and nobody suspects them.
  bool is_settled(const std::vector<Endpoint>& preferred) const;
  // After a reload: what is said about others is forgotten.
  void keep(const std::vector<Endpoint>& backends);

 private:
  struct State {
    bool is_up = true;
    bool is_suspected = false;
    unsigned failures = 0;  // in a row
    TimePoint rests_until{};
    std::optional<TimePoint> heard_at{};
    std::optional<TimePoint> failed_at{};
    std::optional<smtp::Capabilities> capabilities{};
  };
  using Lock = std::lock_guard<std::mutex>;

  // Both under the lock.
  const State* find(const Endpoint& backend) const;
  std::optional<bool> known(const Endpoint& backend) const;

  mutable std::mutex mutex_;  // of what follows
  std::map<Endpoint, State> states_;
  bool is_outage_told_ = false;
};

}  // namespace smtpguard::session
