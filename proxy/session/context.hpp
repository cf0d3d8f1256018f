// Context — what all sessions of one event loop share: what is the loop's own, and what it shares
// with the other loops.
// Owns: the scratch buffers.   Called by: everything in session/. Fails: never. It outlives every
// session of its loop.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "dns/resolver.hpp"
#include "proxy/net/deadline_wheel.hpp"
#include "proxy/net/types.hpp"
#include "proxy/session/commons.hpp"
#include "proxy/session/settings.hpp"
#include "proxy/session/tarpit.hpp"

namespace smtpguard::session {

inline constexpr std::size_t kScratch = 65536;

struct Context {
  // All outlive it.
  Context(net::asio::io_context& own_io, net::DeadlineWheel& own_wheel, dns::Resolver& own_resolver,
          Commons& commons, std::shared_ptr<const RuntimeConfig> rules)
      : io(own_io),
        wheel(own_wheel),
        resolver(own_resolver),
        config(std::move(rules)),
        tarpit(commons.slowed),
        log(commons.log),
        memory(commons.memory),
        ledger(commons.ledger),
        lists(commons.lists),
        spf(commons.spf),
        watch_backends(commons.watch_backends),
        admission(commons.admission),
        backends(commons.backends),
        failed_handshakes(commons.failed_handshakes),
        rates(commons.rates),
        visitors(commons.visitors),
        sessions(commons.sessions),
        is_stress_told(commons.is_stress_told) {}

  // The loop's own.
  net::asio::io_context& io;
  net::DeadlineWheel& wheel;
  dns::Resolver& resolver;
  // Shared with the sessions that began under it: a reload swaps it, they keep theirs.
  std::shared_ptr<const RuntimeConfig> config;
  // Read into and encoded into, never held over a co_await: one for all sessions, since an idle
  // session must not own a buffer.
  std::array<char, kScratch> scratch;
  std::string encoded;
  Tarpit tarpit;
  bool is_busy = false;  // it has hardly time for all who come

  // Of all loops; see Commons.
  SessionLog& log;
  filters::memory::Memory* const memory;
  Ledger* const ledger;
  ListWatch& lists;
  const dns::SpfBook& spf;
  const std::function<void()>& watch_backends;
  Admission& admission;
  BackendHealth& backends;
  HandshakeMemory& failed_handshakes;
  Rates& rates;
  std::atomic<std::size_t>& visitors;
  std::atomic<std::size_t>& sessions;
  std::atomic<bool>& is_stress_told;
};

// 10 characters without vowels or look-alikes, random: says nothing about load, and fits
// std::string's own buffer.
std::string make_session_id();

}  // namespace smtpguard::session
