// Commons — what all event loops of one worker share.
// Owns: the counters and what is known of backends and clients.   Called by: everything in
// session/, from any thread: whatever stands here looks after that itself. Fails: never. It
// outlives every loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "dns/spf_book.hpp"
#include "filters/memory/memory.hpp"
#include "proxy/session/admission.hpp"
#include "proxy/session/backend_health.hpp"
#include "proxy/session/handshake_memory.hpp"
#include "proxy/session/ledger.hpp"
#include "proxy/session/list_watch.hpp"
#include "proxy/session/rates.hpp"
#include "proxy/session/session_log.hpp"

namespace smtpguard::session {

struct Commons {
  SessionLog& log;
  // Null: nothing is remembered.
  filters::memory::Memory* memory;
  // Null: nobody wants to know after a crash.
  Ledger* ledger;
  ListWatch& lists;
  const dns::SpfBook& spf;
  // Somebody found a backend that does not answer: it is to be probed until it does.
  std::function<void()> watch_backends;
  Admission admission{};
  // As of the last connections that were tried: a change is told once, for whoever watches the log.
  BackendHealth backends{};
  HandshakeMemory failed_handshakes{};
  Rates rates{};
  std::atomic<std::size_t> visitors{0};  // who wait in the lobbies, or on the way there
  std::atomic<std::size_t> sessions{0};
  std::atomic<std::uint32_t> slowed{0};     // in the tarpits
  std::atomic<bool> is_stress_told{false};  // that connections are short
};

}  // namespace smtpguard::session
