// BackendProbe — what a backend says to smtpguard: does it answer, does it take what it is told of
// a client, and would it relay for a stranger? Owns: values.   Called by: smtpguardctl probe.
// Fails: never; what goes wrong is `trouble`. It says EHLO, MAIL and RCPT, and no message is sent.
#pragma once

#include <string>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/ip_address.hpp"
#include "proxy/service/settings.hpp"
#include "proxy/smtp/capabilities.hpp"

namespace smtpguard::tools {

struct BackendProbe {
  enum class Relay : std::uint8_t { NotAsked, Refused, Deferred, Open };

  Endpoint address;
  session::Identity identity = session::Identity::ProxyV2;
  std::string trouble;   // as the daemon would log it; empty: it may be asked for mail
  Milliseconds took{0};  // until its EHLO was answered
  smtp::Capabilities capabilities;
  std::string tls;  // "TLSv1.3", or what failed; empty: plaintext
  bool has_failed_handshake = false;
  std::string mail_reply;  // to MAIL FROM:<>
  Relay relay = Relay::NotAsked;
  std::string relay_reply;  // to RCPT of a domain that is nobody's (RFC 2606)

  bool is_good() const { return trouble.empty() && relay != Relay::Open; }
};

// On behalf of `client`, an address of the outside.
BackendProbe probe_backend(const session::RuntimeConfig& config, const Endpoint& backend,
                           const Endpoint& client);

std::string in_words(const BackendProbe& probe);
std::string in_json(const std::vector<BackendProbe>& probes);

}  // namespace smtpguard::tools
