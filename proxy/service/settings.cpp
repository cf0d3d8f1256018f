#include "proxy/service/settings.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "conf/base/escape.hpp"
#include "conf/reader.hpp"

namespace smtpguard::service {
namespace {

using session::ListenerSettings;

constexpr conf::Range<std::size_t> kEventLoops{1, 64};

std::string read_hostname(conf::Reader& root) {
  std::string name;
  if (root.host_name("hostname", name) || root.has("hostname")) {
    return name;
  }
  std::array<char, 256> buffer{};  // the last byte stays NUL
  if (::gethostname(buffer.data(), buffer.size() - 1) == 0) {
    name = buffer.data();
  }
  if (!is_host_name(name) || name.find('.') == std::string::npos) {
    root.error("hostname", "missing, and this machine's own name \"" + escape(name) +
                               "\" is not qualified; expected: the name that the greeting shows, "
                               "such as \"mx.example.org\"");
  }
  root.note("hostname", '"' + escape(name) + '"', '"' + escape(name) + '"');
  return name;
}

std::size_t read_event_loops(conf::Reader& root) {
  std::size_t loops = 1;
  root.integer("event_loops", loops, kEventLoops);
  const std::size_t processors = std::thread::hardware_concurrency();  // 0: not known
  if (processors != 0 && loops > processors) {
    root.warning("event_loops",
                 fmt::format("more than the {} processors of this machine: the loops wait for each "
                             "other",
                             processors));
  }
  return loops;
}

// What the same sections say of verdicts belongs to the rulebook.
void read_greetings(conf::Reader& root, const filters::PolicySet& policies,
                    session::RuntimeConfig& config) {
  conf::Reader all = root.section("policy");
  for (const filters::NamedPolicy& policy : policies.all()) {
    conf::Reader section = all.section(policy.name);
    config.greetings[policy.name] = session::read_greeting(section);
  }
}

// Whether a server bound to `listener` gets what is sent to `target`. Not known here: which other
// addresses this machine has.
bool would_receive(const Endpoint& listener, const Endpoint& target) {
  if (listener.port != target.port || listener.address.family() != target.address.family()) {
    return false;
  }
  return listener.address == target.address ||
         (listener.address.is_unspecified() && target.address.is_loopback());
}

bool exclude_each_other(const Endpoint& a, const Endpoint& b) {
  return a.port == b.port && a.address.family() == b.address.family() &&
         (a.address == b.address || a.address.is_unspecified() || b.address.is_unspecified());
}

// A listener with the place of its address; unset addresses (an error was told) are left out.
struct Placed {
  conf::Reader section;
  Endpoint address;
};

void check_listeners(std::vector<Placed>& listeners, const conf::Report& report) {
  for (auto later = listeners.begin(); later != listeners.end(); ++later) {
    const auto earlier = std::find_if(listeners.begin(), later, [&](const Placed& other) {
      return exclude_each_other(other.address, later->address);
    });
    if (earlier != later) {
      later->section.error("address", later->address.to_string() + " is taken by the listener " +
                                          earlier->address.to_string() + " at " +
                                          report.to_string(earlier->section.place("address")));
    }
  }
}

void check_backend(conf::Reader backend, const Endpoint& address,
                   const std::vector<Placed>& listeners, const conf::Report& report) {
  const auto own = std::find_if(listeners.begin(), listeners.end(), [&](const Placed& listener) {
    return would_receive(listener.address, address);
  });
  if (own != listeners.end()) {
    backend.error("address", address.to_string() + " is our own listener " +
                                 own->address.to_string() + " at " +
                                 report.to_string(own->section.place("address")) +
                                 "; every session would come back to us");
  }
}

std::vector<Placed> read_listeners(conf::Reader& root, const filters::PolicySet& policies,
                                   std::vector<ListenerSettings>& out) {
  std::vector<Placed> placed;
  auto sections = root.sections("listener");
  if (sections.empty() && !root.has("listener")) {
    root.error("listener", "missing; expected: at least one [[listener]] with an address");
  }
  for (auto& section : sections) {
    out.push_back(session::read_listener(section, policies));
    if (out.back().address != Endpoint{}) {
      placed.push_back({section, out.back().address});
    }
  }
  return placed;
}

void warn_of_unused_policies(conf::Reader& root, const Settings& settings) {
  for (const filters::NamedPolicy& policy : settings.runtime.rules.policies.all()) {
    const bool is_used =
        !policy.recipients.empty() ||
        std::any_of(settings.fixed.listeners.begin(), settings.fixed.listeners.end(),
                    [&](const auto& listener) { return listener.policy == policy.name; });
    if (!is_used && policy.name != "default") {
      auto section = root.section("policy").section(policy.name);
      section.warning("", "no listener and no recipient uses this policy");
    }
  }
}

LoadedSettings read_settings(const conf::Document& document, conf::FileSource& files,
                             session::TlsFiles tls_files) {
  LoadedSettings loaded;
  Settings& settings = loaded.settings;
  conf::Reading reading(document, files);
  conf::Reader root = reading.root();

  settings.runtime.hostname = read_hostname(root);
  settings.fixed.event_loops = read_event_loops(root);
  settings.runtime.rules = filters::read_rulebook(root, settings.runtime.hostname);
  const filters::PolicySet& policies = settings.runtime.rules.policies;
  read_greetings(root, policies, settings.runtime);
  auto listeners = read_listeners(root, policies, settings.fixed.listeners);
  conf::Reader backend = root.section("backend");
  settings.runtime.backend = session::read_backend(backend);
  settings.fixed.dns = dns::read_settings(root.section("dns"));
  settings.runtime.dns_budget = settings.fixed.dns.budget;
  settings.runtime.limits = session::read_limits(root.section("limits"));
  settings.runtime.memory = filters::memory::read_settings(root);
  settings.runtime.tls = session::read_tls(root.section("tls"), tls_files);
  settings.fixed.log = session::read_log(root.section("log"));
  settings.fixed.control = control::read_control(root.section("control"));
  settings.runtime.log_events = settings.fixed.log.events;

  check_listeners(listeners, reading.report());
  for (const Endpoint& address : session::addresses_of(settings.runtime.backend)) {
    check_backend(backend, address, listeners, reading.report());
  }
  warn_of_unused_policies(root, settings);
  reading.finish();

  settings.warnings = reading.report().warnings();
  loaded.errors = reading.report().errors();
  loaded.known_keys = reading.known_keys();
  loaded.in_force = reading.in_force();
  return loaded;
}

LoadedSettings from(const Result<conf::Document>& document, conf::FileSource& files,
                    session::TlsFiles tls_files = session::TlsFiles::Read) {
  if (!document) {
    LoadedSettings loaded;
    loaded.errors.push_back(document.error().text);
    return loaded;
  }
  return read_settings(*document, files, tls_files);
}

}  // namespace

LoadedSettings load_settings(const std::string& path, conf::FileSource& files) {
  return from(conf::Document::load(path, files), files);
}

LoadedSettings load_settings(const std::string& path) {
  conf::RealFiles files;
  return load_settings(path, files);
}

LoadedSettings load_settings_without_keys(const std::string& path) {
  conf::RealFiles files;
  return from(conf::Document::load(path, files), files, session::TlsFiles::Leave);
}

LoadedSettings parse_settings(std::string_view toml, const std::string& name) {
  conf::RealFiles files;
  return from(conf::Document::parse(toml, name), files);
}

}  // namespace smtpguard::service
