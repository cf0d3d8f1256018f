// Context — what all sessions of one event loop share.
// Owns: the scratch buffers and what was learned of the backend.   Called by: everything in
// session/. Fails: never. It outlives every session of its worker.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "dns/resolver.hpp"
#include "dns/spf_book.hpp"
#include "filters/memory/memory.hpp"
#include "proxy/net/deadline_wheel.hpp"
#include "proxy/net/types.hpp"
#include "proxy/session/admission.hpp"
#include "proxy/session/backend_health.hpp"
#include "proxy/session/handshake_memory.hpp"
#include "proxy/session/ledger.hpp"
#include "proxy/session/list_watch.hpp"
#include "proxy/session/rates.hpp"
#include "proxy/session/session_log.hpp"
#include "proxy/session/settings.hpp"
#include "proxy/session/tarpit.hpp"
#include "proxy/smtp/capabilities.hpp"

namespace smtpguard::session {

inline constexpr std::size_t kScratch = 65536;

struct Context {
  net::asio::io_context& io;
  net::DeadlineWheel& wheel;
  Admission& admission;
  SessionLog& log;
  dns::Resolver& resolver;
  ListWatch& lists;
  const dns::SpfBook& spf;
  // Shared with the sessions that began under it: a reload swaps it, they keep theirs.
  std::shared_ptr<const RuntimeConfig> config;
  // As of the last connections that were tried: a change is told once, for whoever watches the log.
  BackendHealth backends;
  // Somebody found a backend that does not answer: it is to be probed until it does.
  std::function<void()> watch_backends;
  // Read into and encoded into, never held over a co_await: one for all sessions, since an idle
  // session must not own a buffer.
  std::array<char, kScratch> scratch;
  std::string encoded;
  // Null: nobody wants to know after a crash.
  Ledger* ledger = nullptr;
  HandshakeMemory failed_handshakes{};
  Rates rates{};
  Tarpit tarpit{};
  // Null: nothing is remembered.
  filters::memory::Memory* memory = nullptr;
};

// 10 characters without vowels or look-alikes, random: says nothing about load, and fits
// std::string's own buffer.
std::string make_session_id();

}  // namespace smtpguard::session
