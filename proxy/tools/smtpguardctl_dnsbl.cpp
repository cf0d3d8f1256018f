#include "proxy/tools/smtpguardctl_dnsbl.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "conf/base/escape.hpp"
#include "proxy/service/settings.hpp"
#include "proxy/tools/answers_file.hpp"
#include "proxy/tools/list_check.hpp"
#include "proxy/tools/smtpguardctl_online.hpp"

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

// What a command needs; the settings outlive the lists.
struct Opened {
  service::LoadedSettings loaded;
  std::unique_ptr<dns::ConsoleResolver> resolver;
  Milliseconds budget{0};

  const std::vector<filters::DnsList>& lists() const {
    return loaded.settings.runtime.rules.site.lists;
  }
};

Opened open(const Options& options) {
  const std::string path = options.common->configuration_path();
  Opened opened;
  opened.loaded = service::load_settings_without_keys(path);
  if (!opened.loaded.ok()) {
    fail(fmt::format("{}", fmt::join(opened.loaded.errors, "\n")));
  }
  if (opened.lists().empty()) {
    fail(escape(path) + ": no lists in [dnsbl]; name some in zones");
  }
  dns::Settings dns = opened.loaded.settings.fixed.dns;
  if (!options.answers.empty()) {
    auto answers = read_answers_file(options.answers);
    if (!answers) {
      fail("--answers: " + answers.error().text);
    }
    dns.answers = std::move(*answers);
  }
  auto resolver = dns::ConsoleResolver::open(dns);
  if (!resolver) {
    fail(resolver.error().text);
  }
  opened.resolver = std::move(resolver).value();
  opened.budget = dns.budget;
  return opened;
}

void check(const Options& options) {
  const auto address = IpAddress::parse(options.address);
  if (!address) {
    fail(escape(options.address) + ": no IP address");
  }
  const Opened opened = open(options);
  // A listing is followed by a question for its text, which has a time of its own.
  const auto checks = check_lists(opened.lists(), *address, *opened.resolver, 2 * opened.budget);
  fmt::print("{}\n", options.json ? in_json(*address, checks) : in_words(*address, checks));
  if (const int status = exit_status(checks); status != 0) {
    throw CLI::RuntimeError(status);
  }
}

void self_test(const Options& options) {
  const Opened opened = open(options);
  const auto tests = self_test_lists(opened.lists(), *opened.resolver, opened.budget);
  fmt::print("{}\n", options.json ? in_json(tests) : in_words(tests));
  if (std::any_of(tests.begin(), tests.end(),
                  [](const ListSelfTest& test) { return !test.tested.trouble.empty(); })) {
    throw CLI::RuntimeError(kTrouble);
  }
}

void add_usual_options(CLI::App& sub, const SharedOptions& common,
                       const std::shared_ptr<Options>& options) {
  options->common = common;
  sub.add_option("--answers", options->answers, "take all DNS answers from this file");
  sub.add_flag("--json", options->json, "answer in JSON, for programs");
  add_configuration_option(sub, common);
}

}  // namespace

void add_dnsbl_command(CLI::App& app, const SharedOptions& common) {
  CLI::App* const dnsbl = app.add_subcommand("dnsbl", "what the DNS lists say");
  dnsbl->require_subcommand(1);
  // Each shared by the parser and its callback.
  CLI::App* const asked =
      dnsbl->add_subcommand("check", "ask all configured lists about an address, side by side");
  const auto of_check = std::make_shared<Options>();
  asked->add_option("address", of_check->address, "the address")->required();
  add_usual_options(*asked, common, of_check);
  asked->callback([of_check] { check(*of_check); });

  CLI::App* const tested = dnsbl->add_subcommand(
      "selftest", "ask all configured lists for the entries by which they show that they work");
  const auto of_test = std::make_shared<Options>();
  add_usual_options(*tested, common, of_test);
  tested->callback([of_test] { self_test(*of_test); });

  add_online_command(
      *dnsbl, common, "stats", control::Command::ListStats,
      "what the lists of the running smtpguard answered, how fast, and whom they knew");
}

}  // namespace smtpguard::tools
