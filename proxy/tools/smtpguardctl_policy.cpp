#include "proxy/tools/smtpguardctl_policy.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "conf/base/escape.hpp"
#include "conf/document.hpp"
#include "conf/reader.hpp"
#include "proxy/service/settings.hpp"
#include "proxy/tools/policy_page.hpp"

namespace smtpguard::tools {
namespace {

using filters::Posture;

struct Options {
  bool html = false;
  std::string policy;   // empty: that of the first listener
  std::string posture;  // empty: as configured
  SharedOptions common;
};

[[noreturn]] void fail(const std::string& text) {
  fmt::print(stderr, "smtpguardctl: {}\n", text);
  throw CLI::RuntimeError(1);
}

// The posture's own weights, with what the policy says beside them.
filters::NamedPolicy as_if(const filters::NamedPolicy& policy, Posture posture) {
  filters::NamedPolicy imagined = policy;
  imagined.policy = filters::Policy(posture);
  imagined.policy.set_contact(policy.policy.contact());
  imagined.policy.set_soft(policy.policy.is_soft());
  return imagined;
}

// The first of recipients.domains that is a domain, not all names below one.
std::string first_domain(const std::string& path, const std::string& otherwise) {
  const auto document = conf::Document::load(path);
  conf::Reading reading(*document);
  for (const auto& domain : reading.root().section("recipients").strings("domains")) {
    if (!domain.value.starts_with('.')) {
      return domain.value;
    }
  }
  return otherwise;
}

void run(const Options& options) {
  const std::string path = options.common->configuration_path();
  const auto loaded = service::load_settings_without_keys(path);
  if (!loaded.ok()) {
    fail(fmt::format("{}", fmt::join(loaded.errors, "\n")));
  }
  const session::RuntimeConfig& config = loaded.settings.runtime;
  const std::string name =
      options.policy.empty() ? loaded.settings.fixed.listeners.front().policy : options.policy;
  const filters::NamedPolicy* policy = config.rules.policies.find(name);
  if (policy == nullptr) {
    fail("--policy " + escape(name) + ": not in the configuration");
  }
  const std::map<std::string, Posture> postures{{"observe", Posture::Observe},
                                                {"lenient", Posture::Lenient},
                                                {"balanced", Posture::Balanced},
                                                {"strict", Posture::Strict}};
  const PageForm form = options.html ? PageForm::Html : PageForm::Markdown;
  const auto posture = postures.find(options.posture);
  if (!options.posture.empty() && posture == postures.end()) {
    fail("--posture " + escape(options.posture) + ": observe, lenient, balanced or strict");
  }
  const filters::NamedPolicy told =
      options.posture.empty() ? *policy : as_if(*policy, posture->second);
  fmt::print("{}", policy_page(config, told, first_domain(path, config.hostname), form));
}

}  // namespace

void add_policy_command(CLI::App& app, const SharedOptions& common) {
  CLI::App* const sub = app.add_subcommand(
      "policy", "a page for senders: what this site refuses, and how to get through");
  const auto options = std::make_shared<Options>();  // shared by the parser and the callback
  sub->add_flag("--html", options->html, "in HTML, else in Markdown");
  sub->add_option("--policy", options->policy, "of this policy, else that of the first listener");
  sub->add_option("--posture", options->posture, "as it would be under this posture");
  options->common = common;
  add_configuration_option(*sub, common);
  sub->callback([options] { run(*options); });
}

}  // namespace smtpguard::tools
