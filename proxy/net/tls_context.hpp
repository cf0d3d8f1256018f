// TlsContext — how we speak TLS in one role: protocols, ciphers, certificates, whom we believe.
// Owns: OpenSSL's contexts; one per set of certificates, found by SNI.
// Called by: settings (makes it), TlsStream; any thread. A reload makes a new one; streams keep
// theirs.
// Fails: for_server() and for_backend() with an Error in words.
// TLS 1.2 and 1.3, forward secrecy only; no renegotiation (CVE-2009-3555), no 0-RTT, no
// compression; ALPN must name `smtp` where a client sends it (ALPACA, CVE-2021-3618). Sessions are
// resumed by tickets only, whose keys no other service has, and which live for kTicketKeyLife: who
// steals one later reads no more than was said in that time.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/result.hpp"
#include "proxy/net/tls_certificate.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace smtpguard::net {

struct TlsIdentity {
  TlsCertificate certificate;
  TlsKey key;  // fits
};

struct TlsPeerRules {
  bool is_verified = false;  // its certificate must be signed by one of `authorities`
  std::string authorities;   // PEM
  std::string name;          // and be for this name; empty: for any. Sent as SNI as well
};

class TlsContext {
 public:
  using Pointer = std::shared_ptr<const TlsContext>;
  static constexpr std::chrono::hours kTicketKeyLife{2};

  // At least one identity. The first of each kind of key is for all names that no other is for.
  static Result<Pointer> for_server(const std::vector<TlsIdentity>& identities);
  static Result<Pointer> for_backend(const TlsPeerRules& rules);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext() = default;

  // Clients are shown the same certificates.
  bool shows_what(const TlsContext& other) const { return fingerprint_ == other.fingerprint_; }
  // Tickets that `former` gave out are good here as well.
  void keep_tickets_of(const TlsContext& former) const;
  // Before a handshake. Where the key is too old it is forgotten, and with it all tickets: whose
  // ticket is no longer good shakes hands in full.
  void renew_tickets(TimePoint now) const;

 private:
  friend class TlsStream;
  struct Free {
    void operator()(ssl_ctx_st* context) const noexcept;
  };
  using Context = std::unique_ptr<ssl_ctx_st, Free>;

  TlsContext() = default;
  static Result<Context> make(bool is_server);
  Result<Context> make_server(const std::vector<const TlsIdentity*>& shown);
  Result<void> add_names(const std::vector<TlsIdentity>& identities);
  ssl_ctx_st* find(std::string_view server_name) const;
  static int choose(ssl_st* ssl, int* alert, void* self);
  // For a step of a handshake, which makes and reads tickets: OpenSSL does not expect that their
  // key is changed meanwhile.
  std::shared_lock<std::shared_mutex> hold_ticket_key() const;
  // By whoever has its turn.
  void set_ticket_key(std::span<unsigned char> key, std::optional<TimePoint> since) const;

  Context default_;
  std::vector<Context> others_;
  std::map<std::string, ssl_ctx_st*, std::less<>> by_name_;
  std::string peer_name_;
  std::string fingerprint_;  // of all certificates that are shown

  // A handshake passes through turn_; a change of the key stays in it. So the change waits for the
  // steps that are under way and goes before those that come, which may never leave a gap.
  mutable std::mutex turn_;
  mutable std::shared_mutex ticket_key_;        // that of OpenSSL's context
  mutable std::optional<TimePoint> key_since_;  // of the tickets; none: not used yet. By turn_
};

}  // namespace smtpguard::net
