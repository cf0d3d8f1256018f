// DryRun — what smtpguard would say to an imagined client: the configured chain, policies and judge
// of a live session, without a session. Owns: the report that it makes.   Called by: smtpguardctl
// test.
// Fails: what cannot be said in SMTP is told as the reply that the daemon would give.
// The order is that of a live session: connect, HELO, MAIL, each RCPT; answers count at each step
// as if all of them had come in time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/clock.hpp"
#include "dns/list_health.hpp"
#include "dns/resolver.hpp"
#include "filters/judge.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::tools {

// Fills in what is remembered of the client; says what, in words.
using Recall = std::function<std::string(filters::SessionFacts&, const filters::Findings&)>;

struct ImaginedClient {
  IpAddress address;
  Endpoint listener;                  // our side of the connection
  std::optional<std::string> helo;    // as behind EHLO; nothing: not looked at
  std::optional<std::string> sender;  // "" or "<>" is the null sender; nothing: no MAIL
  std::vector<std::string> recipients;
  bool talks_early = false;
  bool pipelines = false;
  bool is_never_greylisted = false;  // nothing is remembered here
  Recall recall;                     // empty: nothing is
  // What is known of the DNS lists when it comes; nullptr: all of them work.
  std::shared_ptr<const dns::ListHealth> lists;
  // What the domains of the access lists publish by SPF; nullptr: nothing is known.
  std::shared_ptr<const dns::SpfTable> spf;
};

struct DryRunReport {
  struct Look {
    dns::Question question;
    std::optional<dns::Answer> answer;  // nothing: none came in time
    Milliseconds took{0};
  };
  struct Trial {  // one finding, as the policy weighs it
    filters::Finding finding;
    filters::Weight weight;
    Milliseconds after{0};  // since the begin: when its evidence was there
  };
  struct Step {
    std::string command;  // "RCPT TO:<a@b>"; "connect"
    std::string policy;   // the name of the one that judged
    std::vector<Trial> trials;
    filters::Verdict verdict;
    std::string reply;  // what would be said to the client
    bool ends_session = false;
  };

  filters::SessionFacts facts;
  std::string memory;  // what is remembered, in words; empty: nobody was asked
  std::vector<Look> looks;
  std::vector<Step> steps;  // the last one is what the client is left with
};

// Lets the resolver work until something was delivered or `until` is over.
using Wait = std::function<void(TimePoint until)>;

// `of_listener` judges who has no policy of its own.
DryRunReport dry_run(const filters::Rulebook& rules, const filters::NamedPolicy& of_listener,
                     const ImaginedClient& client, dns::Resolver& resolver, Milliseconds budget,
                     const Wait& wait);

}  // namespace smtpguard::tools
