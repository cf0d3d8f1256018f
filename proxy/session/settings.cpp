#include "proxy/session/settings.hpp"

#include <algorithm>
#include <array>

#include "conf/base/escape.hpp"
#include "conf/reader.hpp"

namespace smtpguard::session {
namespace {

constexpr std::array<conf::Word<Identity>, 4> kIdentities{{
    {"proxy-v2", Identity::ProxyV2},
    {"proxy-v1", Identity::ProxyV1},
    {"xclient", Identity::Xclient},
    {"none", Identity::None},
}};

constexpr std::array<conf::Word<smtp::BackendTls>, 3> kBackendTls{{
    {"off", smtp::BackendTls::Off},
    {"opportunistic", smtp::BackendTls::Opportunistic},
    {"required", smtp::BackendTls::Required},
}};

constexpr std::array<conf::Word<LogSettings::Format>, 2> kFormats{{
    {"text", LogSettings::Format::Text},
    {"json", LogSettings::Format::Json},
}};

constexpr std::array<conf::Word<smtp::BareLf>, 2> kBareLf{{
    {"refuse", smtp::BareLf::Refuse},
    {"normalise", smtp::BareLf::Normalise},
}};

constexpr std::array<conf::Word<EightBit>, 2> kEightBit{{
    {"pass", EightBit::Pass},
    {"refuse", EightBit::Refuse},
}};

// RFC 5321 4.5.3.2.6: a client waits ten minutes for the answer to its final dot.
constexpr Milliseconds kClientPatience = 600s;

constexpr conf::Range<Milliseconds> kOneWait{1s, 1h};
constexpr conf::Range<std::uint32_t> kConnections{1, 1'000'000};
constexpr conf::Range<std::uint32_t> kBackendConnections{0, 1'000'000};
// Each may have to be waited for, and a client waits five minutes in all (RFC 5321 4.5.3.2.3).
constexpr std::size_t kMostFallbacks = 7;
constexpr conf::Range<std::uint32_t> kCount{1, 1'000'000};
constexpr conf::Range<std::uint32_t> kRates{0, 1'000'000};
// Every client may count on 100 recipients (RFC 5321 4.5.3.1.8); fewer is the administrator's
// right.
constexpr conf::Range<std::uint32_t> kRecipients{1, 100'000};
constexpr conf::Range<ByteCount> kDataRates{ByteCount{0}, ByteCount{1'000'000}};
constexpr ByteCount kLeastMemory{4'000'000};
constexpr conf::Range<ByteCount> kMessageSizes{ByteCount{64'000}, ByteCount{10'000'000'000}};

CidrSet read_proxy_from(conf::Reader& section) {
  std::vector<Cidr> networks;
  for (const auto& [network, place] : section.networks("proxy_from")) {
    if (network.length == 0) {
      section.warning("proxy_from", place,
                      network.to_string() +
                          " is everybody: any client can claim any address by a PROXY header");
    }
    networks.push_back(network);
  }
  return CidrSet(std::move(networks));
}

std::string read_policy_name(conf::Reader& section, const filters::PolicySet& policies) {
  std::string name = "default";
  section.string("policy", name);
  if (policies.find(name) != nullptr) {
    return name;
  }
  std::vector<std::string> names;
  std::string allowed = "the name of a policy:";
  for (const auto& known : policies.all()) {
    names.push_back(known.name);
    allowed += ' ' + known.name;
  }
  section.refuse("policy", {name, section.place("policy")}, allowed, names);
  return "default";
}

std::vector<Endpoint> read_fallback(conf::Reader& section, const Endpoint& first) {
  std::vector<Endpoint> fallback;
  for (const auto& entry : section.strings("fallback")) {
    const auto address = Endpoint::parse(entry.value);
    if (!address || address->port == 0 || address->address.is_unspecified()) {
      section.refuse("fallback", entry, "ADDRESS:PORT of other MTAs, such as \"192.0.2.2:10025\"");
      continue;
    }
    if (*address == first ||
        std::find(fallback.begin(), fallback.end(), *address) != fallback.end()) {
      section.error("fallback", entry.place, entry.value + " is there twice");
      continue;
    }
    if (fallback.size() == kMostFallbacks) {
      section.error("fallback", entry.place,
                    "more than " + std::to_string(kMostFallbacks) + "; leave out the last ones");
      break;
    }
    fallback.push_back(*address);
  }
  return fallback;
}

// The daemon would not start. Only a folder that is surely absent counts: who checks a
// configuration may not be allowed to look where the daemon may.
void check_log_folder(conf::Reader& section, const std::string& file) {
  if (section.lacks_folder_of(file)) {
    section.error("file", "the folder " + escape(file.substr(0, file.rfind('/'))) +
                              " does not exist; create it, writable for the user that smtpguard "
                              "runs as");
  }
}

}  // namespace

std::string_view to_string(Identity identity) {
  const auto word = std::find_if(kIdentities.begin(), kIdentities.end(),
                                 [&](const auto& known) { return known.value == identity; });
  return word == kIdentities.end() ? std::string_view("?") : word->text;
}

GreetingSettings read_greeting(conf::Reader& section) {
  GreetingSettings greeting;
  section.duration("greet_delay", greeting.greet_delay, {0s, 60s});
  const bool is_given = section.duration("greet_max", greeting.greet_max, {0s, 60s});
  if (greeting.greet_max < greeting.greet_delay) {
    if (is_given) {
      section.error("greet_max", format_duration(greeting.greet_max) + " is below greet_delay, " +
                                     format_duration(greeting.greet_delay));
    }
    greeting.greet_max = greeting.greet_delay;
  }
  section.boolean("teaser", greeting.teaser);
  return greeting;
}

ListenerSettings read_listener(conf::Reader section, const filters::PolicySet& policies) {
  ListenerSettings listener;
  if (section.require("address", "where to listen, such as \"0.0.0.0:25\" or \"[::]:25\"")) {
    section.endpoint("address", listener.address);
  }
  listener.proxy_from = read_proxy_from(section);
  listener.policy = read_policy_name(section, policies);
  section.word("bare_lf", listener.body.bare_lf, kBareLf);
  section.word("eight_bit", listener.body.eight_bit, kEightBit);
  return listener;
}

std::vector<Endpoint> addresses_of(const BackendSettings& settings) {
  std::vector<Endpoint> all{settings.address};
  all.insert(all.end(), settings.fallback.begin(), settings.fallback.end());
  return all;
}

BackendSettings read_backend(conf::Reader section) {
  BackendSettings backend;
  if (section.require("address", "the MTA behind us, such as \"127.0.0.1:10025\"") &&
      section.endpoint("address", backend.address) && backend.address.address.is_unspecified()) {
    section.error("address", backend.address.to_string() +
                                 " is no destination; for this machine take 127.0.0.1 or [::1]");
  }
  backend.fallback = read_fallback(section, backend.address);
  section.integer("connections", backend.connections, kBackendConnections);
  section.word("identity", backend.identity, kIdentities);
  if (backend.identity == Identity::None) {
    section.warning("identity",
                    "none: the backend sees the proxy's address for every client; if it trusts "
                    "that address (mynetworks, relay from local) it is an open relay");
  }
  section.word("tls", backend.tls, kBackendTls);
  backend.tls_context = read_backend_tls(section, backend.tls);
  section.duration("connect_timeout", backend.connect_timeout, kOneWait);
  section.duration("greeting_timeout", backend.greeting_timeout, kOneWait);
  section.duration("reply_timeout", backend.reply_timeout, kOneWait);
  section.duration("data_timeout", backend.data_timeout, kOneWait);
  section.duration("end_timeout", backend.end_timeout, kOneWait);
  if (backend.end_timeout >= kClientPatience) {
    section.warning("end_timeout",
                    format_duration(backend.end_timeout) +
                        " is not below the 10m that clients wait: one that gives up first sends "
                        "the message again and it is delivered twice");
  }
  return backend;
}

LimitSettings read_limits(conf::Reader section) {
  LimitSettings limits;
  section.integer("connections", limits.connections, kConnections);
  section.integer("connections_per_address", limits.connections_per_address, kConnections);
  section.integer("connections_per_network", limits.connections_per_network, kConnections);
  section.integer("connection_rate", limits.connection_rate, kRates);
  section.integer("message_rate", limits.message_rate, kRates);
  section.integer("recipient_rate", limits.recipient_rate, kRates);
  section.byte_count("memory", limits.memory, {ByteCount{0}, ByteCount{1'000'000'000'000}});
  if (to_number(limits.memory) != 0 && limits.memory < kLeastMemory) {
    section.error("memory",
                  "found less than 4MB, which the worker needs for itself; allowed: 0 (no "
                  "ceiling) or more than that, such as \"256MB\"");
  }
  section.duration("tarpit", limits.tarpit, {0s, 60s});
  section.integer("tarpit_connections", limits.tarpit_connections, kConnections);
  section.byte_count("message_size", limits.message_size, kMessageSizes);
  section.integer("recipients", limits.recipients, kRecipients);
  section.integer("transactions", limits.transactions, kCount);
  section.integer("commands", limits.commands, kCount);
  section.integer("errors", limits.errors, kCount);
  section.duration("command_timeout", limits.command_timeout, kOneWait);
  section.duration("stress_timeout", limits.stress_timeout, kOneWait);
  section.duration("data_timeout", limits.data_timeout, kOneWait);
  section.byte_count("data_rate", limits.data_rate, kDataRates);
  section.duration("write_timeout", limits.write_timeout, kOneWait);
  section.duration("session_timeout", limits.session_timeout, {1s, 168h});
  section.duration("drain_timeout", limits.drain_timeout, {0s, 1h});
  return limits;
}

LogSettings read_log(conf::Reader section) {
  LogSettings log;
  section.boolean("syslog", log.syslog);
  if (section.file_path("file", log.file)) {
    check_log_folder(section, log.file);
  }
  section.word("file_format", log.file_format, kFormats);
  section.boolean("events", log.events);
  if (!log.syslog && log.file.empty()) {
    section.warning("syslog", "false, and log.file is empty: nothing is logged, but with -d");
  }
  return log;
}

}  // namespace smtpguard::session
