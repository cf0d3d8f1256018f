// ProxyHeader — the PROXY protocol, versions 1 and 2: parsed from trusted front ends, built for
// backends. Owns: nothing.   Called by: Lobby (parse), ClientDialog (build), fuzz target. Fails:
// parse returns Bad with a reason; the connection is then closed without a word. Specification:
// HAProxy's proxy-protocol.txt of 2020/03/05. v1 is at most 107 octets, `UNKNOWN` and v2 LOCAL keep
// the socket's addresses; v2 PROXY with an unspecified family is refused (as Postfix).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "conf/base/ip_address.hpp"
#include "conf/base/tls_facts.hpp"

namespace smtpguard::smtp {

struct ProxyHeader {
  bool is_local = false;  // a health check: the addresses of the socket hold
  Endpoint source;
  Endpoint destination;

  bool operator==(const ProxyHeader&) const = default;
};

struct ProxyParse {
  enum class State : std::uint8_t { NeedMore, Done, Bad };
  State state = State::NeedMore;
  // How many of the given bytes surely belong to the header; the caller may take exactly these from
  // the socket, so that not a byte of SMTP behind the header is ever taken with it.
  std::size_t header_bytes = 0;
  ProxyHeader header;  // Done
  std::string error;   // Bad: "v1: bad source address"
};

inline constexpr std::size_t kProxyV1Limit = 107;
// Addresses and TLVs of a v2 header that we are willing to read.
inline constexpr std::size_t kProxyV2Limit = 2048;

// `bytes`: all that came since the connection began, perhaps cut anywhere.
ProxyParse parse_proxy_header(std::string_view bytes);

// Both endpoints must be of one family; an IPv4 one is mapped to IPv6 if the other is IPv6.
std::string build_proxy_v1(const Endpoint& source, const Endpoint& destination);
// `unique_id` becomes TLV 0x05 if not empty (at most 128 octets): our session id for the backend's
// log. `tls`: what the client speaks becomes TLV 0x20 with version and cipher, and the name it
// asked for TLV 0x02; null: plaintext.
std::string build_proxy_v2(const Endpoint& source, const Endpoint& destination,
                           std::string_view unique_id, const TlsFacts* tls = nullptr);
// LOCAL: for our own probes; Postfix, OpenSMTPD and Exim all take it.
std::string build_proxy_v2_local();

}  // namespace smtpguard::smtp
