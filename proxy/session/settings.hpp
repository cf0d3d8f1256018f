// Settings of the session room: where we listen, whom we hand over to, how long we wait, how much
// we take. Owns: values only; every default is safe in production.   Called by: service (reads
// them), session. Fails: never; read_...() tell what is wrong in the report, and what concerns
// several sections is checked in proxy/service/settings.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/cidr.hpp"
#include "conf/base/clock.hpp"
#include "conf/base/ip_address.hpp"
#include "conf/base/text.hpp"
#include "filters/memory/settings.hpp"
#include "filters/rulebook.hpp"
#include "proxy/session/tls_settings.hpp"
#include "proxy/smtp/data_decoder.hpp"
#include "proxy/smtp/hand_off.hpp"

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::session {

using namespace std::chrono_literals;

// How clients are greeted: the part of [policy.NAME] that the lobby needs.
struct GreetingSettings {
  Milliseconds greet_delay = 4s;  // the client has to be silent for so long
  Milliseconds greet_max = 6s;    // and is greeted then, whatever the DNS has not answered yet
  bool teaser = true;             // send a first `220-` line at once: it tempts early talkers
};

enum class EightBit : std::uint8_t { Pass, Refuse };

// What a listener lets pass in a message, where the standards say no.
struct BodySettings {
  smtp::BareLf bare_lf = smtp::BareLf::Refuse;
  EightBit eight_bit = EightBit::Pass;  // octets above 127 without BODY=8BITMIME
};

// [[listener]]
struct ListenerSettings {
  Endpoint address;
  CidrSet proxy_from;  // PROXY headers are taken, and required, from these networks only
  std::string policy = "default";  // one of RuntimeConfig's policies
  BodySettings body;
};

using Identity = smtp::HandOff;
// The word of the configuration: "proxy-v2".
std::string_view to_string(Identity identity);

// [backend]
struct BackendSettings {
  Endpoint address;
  std::vector<Endpoint> fallback;  // tried in this order when `address` does not answer
  std::uint32_t connections = 0;   // to all of them together; 0: any
  Identity identity = Identity::ProxyV2;
  smtp::BackendTls tls = smtp::BackendTls::Off;
  net::TlsContext::Pointer tls_context;  // null: off
  Milliseconds connect_timeout = 10s;
  Milliseconds greeting_timeout = 60s;
  Milliseconds reply_timeout = 300s;  // MAIL, RCPT and the rest (RFC 5321 4.5.3.2)
  Milliseconds data_timeout = 180s;   // DATA's 354, and each block that the backend must take
  Milliseconds end_timeout = 570s;    // the answer to end-of-data: under the client's ten minutes
};

// As they are preferred.
std::vector<Endpoint> addresses_of(const BackendSettings& settings);

// [limits]
struct LimitSettings {
  std::uint32_t connections = 1000;             // all together
  std::uint32_t connections_per_address = 20;   // IPv4 address, IPv6 /64 counts as network
  std::uint32_t connections_per_network = 100;  // IPv4 /24, IPv6 /64
  // In a minute, from one address; its network may do four times as much. 0: any number.
  std::uint32_t connection_rate = 0;
  std::uint32_t message_rate = 0;
  std::uint32_t recipient_rate = 0;
  ByteCount memory{0};  // of the worker's heap; 0: no ceiling
  // Before each refusal of a client that is refused whatever comes, and for so many at a time; 0:
  // nobody waits.
  Milliseconds tarpit = 0s;
  std::uint32_t tarpit_connections = 100;
  ByteCount message_size{50'000'000};
  std::uint32_t recipients = 1000;      // in one transaction (RFC 5321 4.5.3.1.8: at least 100)
  std::uint32_t transactions = 200;     // in one session
  std::uint32_t commands = 2000;        // in one session, above what its recipients need
  std::uint32_t errors = 20;            // 4xx and 5xx of ours for bad commands, then 421
  Milliseconds command_timeout = 300s;  // for one whole command (RFC 5321 4.5.3.2.7)
  Milliseconds stress_timeout = 10s;    // the same, for strangers while connections are short
  Milliseconds data_timeout = 180s;     // for each block of a message
  ByteCount data_rate{100};             // octets per second that a message must come at; 0: any
  Milliseconds write_timeout = 60s;     // for a client to take a reply
  Milliseconds session_timeout = 7200s;
  Milliseconds drain_timeout = 30s;  // for sessions to end after SIGTERM
  std::uint64_t descriptors = 0;     // for clients and backends, by RLIMIT_NOFILE; 0: any
};

// [log]
struct LogSettings {
  enum class Format : std::uint8_t { Text, Json };
  bool syslog = true;  // facility mail; with -d stderr instead
  std::string file;    // empty: none
  Format file_format = Format::Text;
  bool events = true;  // a line per event, beside the summary line of each session
};

// What a session needs to know, swapped as a whole by a reload.
struct RuntimeConfig {
  std::string hostname;
  BackendSettings backend;
  LimitSettings limits;
  TlsSettings tls;
  filters::Rulebook rules;
  filters::memory::Settings memory;
  std::map<std::string, GreetingSettings, std::less<>> greetings;  // by the policy's name
  Milliseconds dns_budget = 3s;  // for all answers about a client, from connect; the same at HELO
  bool log_events = true;
};

// Each reads one table: [policy.NAME], [backend], [limits], [log].
GreetingSettings read_greeting(conf::Reader& section);
BackendSettings read_backend(conf::Reader section);
LimitSettings read_limits(conf::Reader section);
LogSettings read_log(conf::Reader section);
// One [[listener]]; its policy must be one of `policies`.
ListenerSettings read_listener(conf::Reader section, const filters::PolicySet& policies);

}  // namespace smtpguard::session
