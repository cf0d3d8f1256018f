#include "proxy/tools/smtpguardctl_dnsbl.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include "conf/base/escape.hpp"
#include "proxy/service/settings.hpp"
#include "proxy/tools/answers_file.hpp"
#include "proxy/tools/list_check.hpp"

namespace smtpguard::tools {
namespace {

constexpr int kListed = 2;
constexpr int kTrouble = 3;

struct Options {
  bool json = false;
  SharedOptions common;
  std::string answers;
  std::string address;
};

[[noreturn]] void fail(const std::string& text) {
  fmt::print(stderr, "smtpguardctl: {}\n", text);
  throw CLI::RuntimeError(1);
}

int exit_status(const std::vector<ListCheck>& checks) {
  const auto any = [&](auto is_such) { return std::any_of(checks.begin(), checks.end(), is_such); };
  if (any([](const ListCheck& check) {
        return check.result == ListCheck::Result::Listed && check.is_trusted_to_count() &&
               check.list.kind == dns::ListKind::Block;
      })) {
    return kListed;
  }
  const bool has_trouble = any([](const ListCheck& check) {
    return check.result == ListCheck::Result::Trouble || !check.is_trusted_to_count();
  });
  return has_trouble ? kTrouble : 0;
}

void run(const Options& options) {
  const auto address = IpAddress::parse(options.address);
  if (!address) {
    fail(escape(options.address) + ": no IP address");
  }
  const std::string path = options.common->configuration_path();
  const service::LoadedSettings loaded = service::load_settings(path);
  if (!loaded.ok()) {
    fail(fmt::format("{}", fmt::join(loaded.errors, "\n")));
  }
  const auto& lists = loaded.settings.runtime.rules.site.lists;
  if (lists.empty()) {
    fail(escape(path) + ": no lists in [dnsbl]; name some in zones");
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
  // A listing is followed by a question for its text, which has a time of its own.
  const auto checks = check_lists(lists, *address, **resolver, 2 * dns.budget);
  fmt::print("{}\n", options.json ? in_json(*address, checks) : in_words(*address, checks));
  if (const int status = exit_status(checks); status != 0) {
    throw CLI::RuntimeError(status);
  }
}

}  // namespace

void add_dnsbl_command(CLI::App& app, const SharedOptions& common) {
  CLI::App* const dnsbl = app.add_subcommand("dnsbl", "what the DNS lists say");
  dnsbl->require_subcommand(1);
  CLI::App* const sub =
      dnsbl->add_subcommand("check", "ask all configured lists about an address, side by side");
  const auto options = std::make_shared<Options>();  // shared by the parser and the callback
  sub->add_option("address", options->address, "the address")->required();
  sub->add_option("--answers", options->answers, "take all DNS answers from this file");
  sub->add_flag("--json", options->json, "answer in JSON, for programs");
  options->common = common;
  add_configuration_option(*sub, common);
  sub->callback([options] { run(*options); });
}

}  // namespace smtpguard::tools
