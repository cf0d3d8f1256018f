#include "proxy/tools/smtpguardctl_test.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dns/ares_channel_console.hpp"
#include "dns/spf_book.hpp"
#include "proxy/service/settings.hpp"
#include "proxy/tools/answers_file.hpp"
#include "proxy/tools/daemon_memory.hpp"
#include "proxy/tools/dry_run.hpp"
#include "proxy/tools/dry_run_report.hpp"
#include "proxy/tools/list_check.hpp"

namespace smtpguard::tools {
namespace {

constexpr int kRefused = 2;
constexpr int kDeferred = 3;

struct Options {
  bool json = false;
  SharedOptions common;
  std::string answers;
  std::string address;
  std::optional<std::string> helo;
  std::optional<std::string> sender;
  std::vector<std::string> recipients;
  std::string listener;
  std::string socket;  // empty: as the configuration says
  bool early = false;
  bool pipelining = false;
};

[[noreturn]] void fail(const std::string& text) {
  fmt::print(stderr, "smtpguardctl: {}\n", text);
  throw CLI::RuntimeError(1);
}

const session::ListenerSettings& find_listener(const service::Settings& settings,
                                               const std::string& wanted) {
  const auto& listeners = settings.fixed.listeners;
  const auto found = std::find_if(listeners.begin(), listeners.end(), [&](const auto& listener) {
    return wanted.empty() || listener.address.to_string() == wanted;
  });
  if (found == listeners.end()) {
    std::string known;
    for (const auto& listener : listeners) {
      known += (known.empty() ? "" : ", ") + listener.address.to_string();
    }
    fail(fmt::format("--listener {}: not in the configuration, which has {}", wanted, known));
  }
  return *found;
}

int exit_status(const filters::Verdict& verdict) {
  if (!verdict.refuses()) {
    return 0;
  }
  return verdict.code != 0 && verdict.code / 100 == 4 ? kDeferred : kRefused;
}

// All at once; what is wrong is told beside the result.
std::shared_ptr<const dns::SpfTable> look_up_spf(const std::vector<std::string>& domains,
                                                 dns::ConsoleResolver& resolver,
                                                 Milliseconds budget) {
  const auto table = std::make_shared<dns::SpfTable>();
  std::vector<std::unique_ptr<dns::SpfQuery>> queries;
  std::size_t open = domains.size();
  for (const std::string& domain : domains) {
    queries.push_back(std::make_unique<dns::SpfQuery>(
        resolver, domain, [&open, &table, &domain](const dns::SpfOutcome& outcome) {
          --open;
          if (outcome.trouble.empty()) {
            table->emplace(domain, outcome.networks);
          } else {
            fmt::print(stderr, "smtpguardctl: spf:{} exempts nobody: {}\n", domain,
                       outcome.trouble);
          }
        }));
  }
  if (!resolver.run(budget) || open > 0) {
    fmt::print(stderr, "smtpguardctl: {} of the domains behind \"spf:\" did not answer in time\n",
               open);
  }
  return table;
}

void run(const Options& options) {
  ImaginedClient client;
  const auto address = IpAddress::parse(options.address);
  if (!address) {
    fail(fmt::format("--ip {}: no IP address", options.address));
  }
  client.address = *address;
  client.helo = options.helo;
  client.sender = options.sender;
  client.recipients = options.recipients;
  client.talks_early = options.early;
  client.pipelines = options.pipelining;
  if (!client.recipients.empty() && !client.sender) {
    client.sender.emplace();
  }

  const service::LoadedSettings loaded =
      service::load_settings_without_keys(options.common->configuration_path());
  if (!loaded.ok()) {
    std::string all;
    for (const std::string& error : loaded.errors) {
      all += (all.empty() ? "" : "\n") + error;
    }
    fail(all);
  }
  const session::RuntimeConfig& runtime = loaded.settings.runtime;
  const session::ListenerSettings& listener = find_listener(loaded.settings, options.listener);
  client.listener = listener.address;
  client.is_never_greylisted = !runtime.memory.is_enabled;
  const DaemonMemory memory(options.socket.empty() ? loaded.settings.fixed.control.socket
                                                   : options.socket);
  if (runtime.memory.is_enabled) {
    client.recall = [&](filters::SessionFacts& facts, const filters::Findings& findings) {
      return memory.recall(facts, findings);
    };
  }

  dns::Settings dns = loaded.settings.fixed.dns;
  if (!options.answers.empty()) {
    auto answers = read_answers_file(options.answers);
    if (!answers) {
      fail("--answers: " + answers.error().text);
    }
    dns.answers = std::move(*answers);
  }
  const auto resolver = dns::ConsoleResolver::open(dns);
  if (!resolver) {
    fail(resolver.error().text);
  }
  client.lists = test_lists(runtime.rules.site.lists, **resolver, runtime.dns_budget);
  client.spf = look_up_spf(runtime.rules.site.access.spf_domains(), **resolver, runtime.dns_budget);
  const Wait wait = [&](TimePoint until) {
    (*resolver)->run(std::chrono::ceil<Milliseconds>(until - SteadyClock::now()));
  };
  const DryRunReport report = dry_run(runtime.rules, *runtime.rules.policies.find(listener.policy),
                                      client, **resolver, runtime.dns_budget, wait);
  fmt::print("{}\n",
             options.json ? in_json(report, runtime.rules) : in_words(report, runtime.rules));
  if (!report.steps.empty() && exit_status(report.steps.back().verdict) != 0) {
    throw CLI::RuntimeError(exit_status(report.steps.back().verdict));
  }
}

}  // namespace

void add_test_command(CLI::App& app, const SharedOptions& common) {
  CLI::App* const sub =
      app.add_subcommand("test", "what would be said to a client, and why; no mail is sent");
  const auto options = std::make_shared<Options>();  // shared by the parser and the callback
  sub->add_option("--ip", options->address, "the client's address")->required();
  sub->add_option("--helo", options->helo, "what it says behind EHLO");
  sub->add_option("--from", options->sender, "the sender; \"\" is the null sender");
  sub->add_option("--rcpt", options->recipients, "a recipient; may be given again");
  sub->add_flag("--early", options->early, "it talks before the greeting");
  sub->add_flag("--pipelining", options->pipelining, "it does not wait for replies");
  sub->add_option("--listener", options->listener,
                  "the address of the listener that it comes to, else the first");
  sub->add_option("--socket", options->socket,
                  "the control socket of the daemon, who is asked what it remembers");
  sub->add_option("--answers", options->answers, "take all DNS answers from this file");
  sub->add_flag("--json", options->json, "answer in JSON, for programs");
  options->common = common;
  add_configuration_option(*sub, common);
  sub->callback([options] { run(*options); });
}

}  // namespace smtpguard::tools
