// Inquiry — one client under examination: what is known of it, what is being asked, by which rules.
// Owns: the facts and the look-ups under way.   Called by: Lobby (begins it), Session (takes it
// over). Fails: never. At one address all its life, since look-ups refer to it: it is handed over
// as a pointer.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "conf/base/rare.hpp"
#include "filters/investigation.hpp"
#include "filters/judge.hpp"
#include "filters/session_facts.hpp"
#include "proxy/session/context.hpp"

namespace smtpguard::session {

struct Inquiry {
  // The resolver outlives it; the configuration is kept alive, a reload or not.
  Inquiry(std::shared_ptr<const RuntimeConfig> rules, dns::Resolver& resolver,
          std::string_view policy_name, filters::SessionFacts known)
      : config(std::move(rules)),
        policy(*config->rules.policies.find(policy_name)),
        facts(std::move(known)),
        investigation(*config->rules.chain, facts, resolver, config->dns_budget),
        judge(config->rules, policy) {}
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;
  ~Inquiry() = default;

  // Asks the DNS what there is to ask now, of whoever is not refused whatever it says. False: is.
  bool pursue(TimePoint now) {
    const bool is_worth_it = !judge.is_past_saving(facts);
    if (is_worth_it) {
      investigation.pursue(now);
    }
    return is_worth_it;
  }

  std::shared_ptr<const RuntimeConfig> config;
  const filters::NamedPolicy& policy;  // the listener's
  filters::SessionFacts facts;
  filters::Investigation investigation;
  filters::Judge judge;
  bool is_teased = false;   // a first line of the greeting is out
  bool has_asked = false;   // the DNS, about the client as such
  bool has_waited = false;  // it was silent as long as it had to be, if it had to be
  bool has_asked_memory_by_name = false;
  bool is_identified = false;  // its name is known, and with it:
  Rare<std::string> organisation;
};

}  // namespace smtpguard::session
