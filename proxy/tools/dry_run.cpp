#include "proxy/tools/dry_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <variant>

#include "filters/investigation.hpp"
#include "proxy/smtp/command.hpp"
#include "proxy/smtp/reply.hpp"
#include "proxy/smtp/server_dialog.hpp"

namespace smtpguard::tools {
namespace {

using Step = DryRunReport::Step;

// Notes what was asked, what came and how long it took.
class NotedResolver final : public dns::Resolver {
 public:
  NotedResolver(dns::Resolver& behind, std::vector<DryRunReport::Look>& looks)
      : behind_(behind), looks_(looks) {}

  dns::LookupHandle ask(const dns::Question& question, dns::Sink sink) override {
    const TimePoint began = SteadyClock::now();
    const std::size_t at = looks_.size();
    looks_.push_back({question, std::nullopt, Milliseconds{0}});
    return behind_.ask(question, [this, at, began, sink](const dns::Answer& answer) {
      looks_[at].answer = answer;
      looks_[at].took = std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - began);
      sink(answer);
    });
  }

 private:
  dns::Resolver& behind_;
  std::vector<DryRunReport::Look>& looks_;
};

filters::Mailbox mailbox_of(const smtp::Path& path) {
  return {path.local_part, path.domain, path.source_route};
}

std::string in_angles(const std::string& address) {
  const bool has_them = address.starts_with('<') && address.ends_with('>');
  return has_them ? address : '<' + address + '>';
}

std::string in_one_line(const smtp::Reply& reply) {
  std::string line = reply.to_wire();
  return line.substr(0, line.find_last_not_of("\r\n") + 1);
}

std::string reply_of(const filters::Verdict& verdict) {
  return verdict.refuses()
             ? in_one_line(smtp::make_reply(verdict.code, verdict.enhanced, verdict.text))
             : std::string("250");
}

class Rehearsal {
 public:
  Rehearsal(const filters::Rulebook& rules, const filters::NamedPolicy& of_listener,
            dns::Resolver& resolver, Milliseconds budget, const Wait& wait)
      : rules_(rules),
        of_listener_(of_listener),
        wait_(wait),
        noted_(resolver, report_.looks),
        investigation_(*rules.chain, report_.facts, noted_, budget),
        judge_(rules, of_listener) {}

  DryRunReport play(const ImaginedClient& client) {
    filters::SessionFacts& facts = report_.facts;
    facts.id = "dry-run";
    facts.client = {client.address, 0};
    facts.listener = client.listener;
    facts.spf = client.spf;
    facts.standing = rules_.site.standing_of(client.address, facts.spf.get());
    facts.is_monitor = rules_.site.networks.monitors.contains(client.address);
    facts.lists = client.lists;
    facts.has_come_back = client.is_never_greylisted;
    recall_ = client.recall;
    facts.misbehaviour.early = client.talks_early ? 1 : 0;
    if (!judge_client("connect")) {
      return finish();
    }
    if (client.helo && !say_helo(client)) {
      return finish();
    }
    if (client.sender && !say_mail(*client.sender)) {
      return finish();
    }
    for (const std::string& recipient : client.recipients) {
      if (!say_rcpt(recipient)) {
        break;
      }
    }
    return finish();
  }

 private:
  bool say_helo(const ImaginedClient& client) {
    const std::string line = "EHLO " + *client.helo;
    const auto command = parse(line);
    if (!command) {
      return false;
    }
    report_.facts.helo = command->argument;
    report_.facts.is_esmtp = true;
    report_.facts.misbehaviour.pipelining = client.pipelines ? 1 : 0;
    return judge_client(line);
  }

  bool say_mail(const std::string& sender) {
    const std::string line = "MAIL FROM:" + in_angles(sender);
    const auto command = parse(line);
    if (!command) {
      return false;
    }
    report_.facts.sender = mailbox_of(command->path);
    return judge_client(line);
  }

  // False: the session ends here.
  bool say_rcpt(const std::string& recipient) {
    const std::string line = "RCPT TO:" + in_angles(recipient);
    const auto command = parse(line);
    if (!command) {
      return true;  // the next recipient may be written better
    }
    report_.facts.recipient = mailbox_of(command->path);
    ++report_.facts.recipients;
    learn();
    const filters::NamedPolicy& policy =
        rules_.policies.choose(of_listener_, *report_.facts.recipient);
    const filters::Verdict verdict = judge_.of_recipient(report_.facts);
    add(line, policy, verdict);
    report_.facts.recipient.reset();
    return !report_.steps.back().ends_session;
  }

  // Of the client alone; only what ends the session is told before RCPT.
  bool judge_client(const std::string& at) {
    learn();
    add(at, of_listener_, judge_.of_client(report_.facts));
    Step& step = report_.steps.back();
    if (!step.ends_session) {
      step.reply = at == "connect" ? "220" : "250";
    }
    return !step.ends_session;
  }

  // Nothing: the daemon says no to the form alone.
  std::optional<smtp::Command> parse(const std::string& line) {
    smtp::ParsedCommand parsed = smtp::parse_command(line);
    if (auto* command = std::get_if<smtp::Command>(&parsed)) {
      return std::move(*command);
    }
    Step step;
    step.command = line;
    step.policy = of_listener_.name;
    step.verdict.kind = filters::Verdict::Kind::Refuse;
    step.verdict.rule = "syntax";
    step.reply = in_one_line(smtp::reply_to(std::get<smtp::CommandError>(parsed)));
    report_.steps.push_back(std::move(step));
    return std::nullopt;
  }

  // Asks what follows from the facts, until all is answered or the time is over.
  void learn() {
    investigation_.pursue(SteadyClock::now());
    stamp();
    while (!investigation_.is_complete()) {
      const TimePoint deadline = investigation_.deadline();
      wait_(deadline);
      investigation_.look(SteadyClock::now());
      stamp();
    }
    if (recall_) {
      report_.memory = recall_(report_.facts, rules_.chain->judge(report_.facts));
      stamp();
    }
  }

  void stamp() {
    const auto now = std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - began_);
    for (const filters::Finding& finding : rules_.chain->judge(report_.facts)) {
      if (finding.outcome != filters::Outcome::Skip) {
        found_at_.emplace(name_of(finding), now);
      }
    }
  }

  void add(const std::string& command, const filters::NamedPolicy& policy,
           const filters::Verdict& verdict) {
    Step step;
    step.command = command;
    step.policy = policy.name;
    step.verdict = verdict;
    step.reply = reply_of(verdict);
    step.ends_session = verdict.kind == filters::Verdict::Kind::Drop;
    for (filters::Finding& finding : rules_.chain->judge(report_.facts)) {
      const auto found = found_at_.find(name_of(finding));
      const Milliseconds after = found == found_at_.end() ? Milliseconds{0} : found->second;
      const filters::Weight weight = policy.policy.weight(finding);
      step.trials.push_back({std::move(finding), weight, after});
    }
    report_.steps.push_back(std::move(step));
  }

  DryRunReport finish() { return std::move(report_); }

  const filters::Rulebook& rules_;
  const filters::NamedPolicy& of_listener_;
  const Wait& wait_;
  Recall recall_;
  const TimePoint began_ = SteadyClock::now();
  DryRunReport report_;
  NotedResolver noted_;
  filters::Investigation investigation_;
  filters::Judge judge_;
  std::map<std::string, Milliseconds> found_at_;
};

}  // namespace

DryRunReport dry_run(const filters::Rulebook& rules, const filters::NamedPolicy& of_listener,
                     const ImaginedClient& client, dns::Resolver& resolver, Milliseconds budget,
                     const Wait& wait) {
  return Rehearsal(rules, of_listener, resolver, budget, wait).play(client);
}

}  // namespace smtpguard::tools
