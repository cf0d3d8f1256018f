#include "proxy/service/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "conf/base/escape.hpp"
#include "conf/reader.hpp"

namespace smtpguard::service {
namespace {

using session::ListenerSettings;
using session::PolicySettings;

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
  return name;
}

bool is_policy_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '_';
  });
}

std::vector<PolicySettings> read_policies(conf::Reader& root) {
  std::vector<PolicySettings> policies;
  for (auto& section : root.named_sections("policy")) {
    if (!is_policy_name(section.name())) {
      section.error("", "bad name; allowed: 1 to 32 letters, digits, hyphens, underscores");
    }
    policies.push_back(session::read_policy(section));
  }
  // "default" is always there, and read as an absent table its keys are known in any case.
  const bool has_default = std::any_of(policies.begin(), policies.end(),
                                       [](const auto& policy) { return policy.name == "default"; });
  if (!has_default) {
    policies.push_back(session::read_policy(root.section("policy").section("default")));
  }
  return policies;
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

std::vector<Placed> read_listeners(conf::Reader& root, const std::vector<PolicySettings>& policies,
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

void warn_of_unused_policies(conf::Reader& root, const Settings& settings,
                             const std::vector<PolicySettings>& policies) {
  for (const auto& policy : policies) {
    const bool is_used =
        std::any_of(settings.fixed.listeners.begin(), settings.fixed.listeners.end(),
                    [&](const auto& listener) { return listener.policy.name == policy.name; });
    if (!is_used && policy.name != "default") {
      auto section = root.section("policy").section(policy.name);
      section.warning("", "no listener uses this policy");
    }
  }
}

LoadedSettings read_settings(const conf::Document& document, conf::FileSource& files) {
  LoadedSettings loaded;
  Settings& settings = loaded.settings;
  conf::Reading reading(document, files);
  conf::Reader root = reading.root();

  settings.runtime.hostname = read_hostname(root);
  const auto policies = read_policies(root);
  auto listeners = read_listeners(root, policies, settings.fixed.listeners);
  conf::Reader backend = root.section("backend");
  settings.runtime.backend = session::read_backend(backend);
  settings.runtime.recipients = filters::read_recipients(root.section("recipients"));
  settings.runtime.access = filters::read_access(root.section("access"));
  settings.runtime.limits = session::read_limits(root.section("limits"));
  settings.fixed.log = session::read_log(root.section("log"));
  settings.fixed.control = control::read_control(root.section("control"));
  settings.runtime.log_events = settings.fixed.log.events;

  check_listeners(listeners, reading.report());
  check_backend(backend, settings.runtime.backend.address, listeners, reading.report());
  warn_of_unused_policies(root, settings, policies);
  reading.finish();

  settings.warnings = reading.report().warnings();
  loaded.errors = reading.report().errors();
  loaded.known_keys = reading.known_keys();
  return loaded;
}

LoadedSettings from(const Result<conf::Document>& document, conf::FileSource& files) {
  if (!document) {
    LoadedSettings loaded;
    loaded.errors.push_back(document.error().text);
    return loaded;
  }
  return read_settings(*document, files);
}

}  // namespace

LoadedSettings load_settings(const std::string& path, conf::FileSource& files) {
  return from(conf::Document::load(path, files), files);
}

LoadedSettings load_settings(const std::string& path) {
  conf::RealFiles files;
  return load_settings(path, files);
}

LoadedSettings parse_settings(std::string_view toml, const std::string& name) {
  conf::RealFiles files;
  return from(conf::Document::parse(toml, name), files);
}

}  // namespace smtpguard::service
