#include "proxy/tools/smtpguardctl_probe.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "conf/base/escape.hpp"
#include "proxy/service/settings.hpp"
#include "proxy/tools/backend_probe.hpp"

namespace smtpguard::tools {
namespace {

constexpr std::uint16_t kAnyPort = 40000;

struct Options {
  // TEST-NET-1 (RFC 5737): nobody's, so no MTA has a reason to trust it.
  std::string client = "192.0.2.1";
  bool json = false;
  SharedOptions common;
};

[[noreturn]] void fail(const std::string& text) {
  fmt::print(stderr, "smtpguardctl: {}\n", text);
  throw CLI::RuntimeError(1);
}

void run(const Options& options) {
  const auto client = IpAddress::parse(options.client);
  if (!client) {
    fail("--ip " + escape(options.client) + ": not an address");
  }
  const auto loaded = service::load_settings_without_keys(options.common->configuration_path());
  if (!loaded.ok()) {
    fail(fmt::format("{}", fmt::join(loaded.errors, "\n")));
  }
  const session::RuntimeConfig& config = loaded.settings.runtime;
  std::vector<BackendProbe> probes;
  for (const Endpoint& backend : session::addresses_of(config.backend)) {
    probes.push_back(probe_backend(config, backend, {*client, kAnyPort}));
    if (!options.json) {
      fmt::print("{}", in_words(probes.back()));
      std::fflush(stdout);
    }
  }
  if (options.json) {
    fmt::print("{}\n", in_json(probes));
  }
  if (!std::all_of(probes.begin(), probes.end(),
                   [](const BackendProbe& probe) { return probe.is_good(); })) {
    throw CLI::RuntimeError(1);
  }
}

}  // namespace

void add_probe_command(CLI::App& app, const SharedOptions& common) {
  CLI::App* const sub = app.add_subcommand(
      "probe", "ask the backends what a client would meet, and whether they relay for strangers");
  const auto options = std::make_shared<Options>();  // shared by the parser and the callback
  sub->add_option("--ip", options->client, "on behalf of this client, else 192.0.2.1");
  sub->add_flag("--json", options->json, "as JSON");
  options->common = common;
  add_configuration_option(*sub, common);
  sub->callback([options] { run(*options); });
}

}  // namespace smtpguard::tools
