#include "proxy/tools/dry_run_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <string_view>
#include <vector>

#include "conf/base/escape.hpp"
#include "filters/registry.hpp"
#include "proxy/control/json_text.hpp"

namespace smtpguard::tools {
namespace {

namespace json = boost::json;
using Step = DryRunReport::Step;
using Trial = DryRunReport::Trial;

std::string_view to_string(filters::Standing standing) {
  switch (standing) {
    case filters::Standing::Stranger:
      return "a stranger";
    case filters::Standing::Trusted:
      return "a trusted relay: only its conduct is tested";
    case filters::Standing::Local:
      return "of our own networks: never looked up, never punished";
    case filters::Standing::Allowed:
      return "in the allow list: need not wait, no test counts";
  }
  return "?";
}

std::string_view word_of(filters::Standing standing) {
  switch (standing) {
    case filters::Standing::Stranger:
      return "stranger";
    case filters::Standing::Trusted:
      return "trusted";
    case filters::Standing::Local:
      return "local";
    case filters::Standing::Allowed:
      return "allowed";
  }
  return "?";
}

// Verdicts on the way are known before RCPT, and told there.
bool is_told(const Step& step) {
  return step.ends_session || step.verdict.rule == "syntax" || step.command.starts_with("RCPT");
}

// Without the keys of lists.
std::string question_of(const DryRunReport::Look& look, const filters::Rulebook& rules) {
  dns::Question shown = look.question;
  shown.name = filters::masked_name(shown.name, rules.site.lists);
  return escape(dns::to_string(shown));
}

std::string answer_of(const DryRunReport::Look& look) {
  return look.answer ? dns::to_string(*look.answer) : "no answer in time";
}

std::string_view posture_of(const filters::Rulebook& rules, const std::string& policy) {
  const filters::NamedPolicy* named = rules.policies.find(policy);
  return named == nullptr ? "?" : filters::to_string(named->policy.posture());
}

// Which tests have nothing to say: they passed without a word, or had nothing to look at.
std::vector<std::string_view> silent_tests(const Step& step) {
  std::vector<std::string_view> silent;
  for (const filters::Test* test : filters::all_tests()) {
    if (std::none_of(step.trials.begin(), step.trials.end(),
                     [&](const Trial& trial) { return trial.finding.test == test; })) {
      silent.push_back(test->name);
    }
  }
  return silent;
}

void write_trials(std::string& text, const Step& step, const filters::Rulebook& rules) {
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "\nas policy {} ({}) weighs it:\n", step.policy,
                 posture_of(rules, step.policy));
  fmt::format_to(out, "{:<28} {:<9} {:<8} {:>5} {:>6}  {}\n", "test", "outcome", "mode", "score",
                 "ms", "evidence");
  for (const Trial& trial : step.trials) {
    const bool has_score = trial.weight.mode == filters::Mode::Score;
    const std::string evidence = escape(trial.finding.detail);
    fmt::format_to(out, "{:<28} {:<9} {:<8} {:>5} {:>6}{}{}\n",
                   escape(filters::name_of(trial.finding)),
                   filters::to_string(trial.finding.outcome), filters::to_string(trial.weight.mode),
                   has_score ? std::to_string(trial.weight.score) : "-", trial.after.count(),
                   evidence.empty() ? "" : "  ", evidence);
  }
  const auto silent = silent_tests(step);
  std::string line = fmt::format("nothing found by {} other tests:", silent.size());
  for (const std::string_view name : silent) {
    if (line.size() + name.size() > 110) {
      fmt::format_to(out, "{}\n", line);
      line = "   ";
    }
    fmt::format_to(std::back_inserter(line), " {}", name);
  }
  fmt::format_to(out, "{}\n", line);
}

void write_step(std::string& text, const Step& step, const filters::Rulebook& rules) {
  const auto out = std::back_inserter(text);
  const filters::Verdict& verdict = step.verdict;
  fmt::format_to(out, "\n{}\n  policy   {} ({})\n  verdict  {}, score {}{}\n  reply    {}\n",
                 escape(step.command), step.policy, posture_of(rules, step.policy),
                 filters::to_string(verdict.kind), verdict.score,
                 verdict.rule.empty() ? "" : ", by " + escape(verdict.rule), escape(step.reply));
  if (verdict.would_be != verdict.kind) {
    fmt::format_to(out, "  would be {}, score {}, in the next stricter posture\n",
                   filters::to_string(verdict.would_be), verdict.would_score);
  }
}

json::array to_json(const std::vector<filters::Reason>& reasons) {
  json::array array;
  for (const filters::Reason& reason : reasons) {
    array.push_back(json::object{{"test", escape(reason.name)},
                                 {"outcome", filters::to_string(reason.outcome)},
                                 {"weight", filters::to_string(reason.weight)},
                                 {"evidence", escape(reason.detail)}});
  }
  return array;
}

json::object to_json(const Step& step) {
  const filters::Verdict& verdict = step.verdict;
  json::array trials;
  for (const Trial& trial : step.trials) {
    trials.push_back(json::object{{"test", escape(filters::name_of(trial.finding))},
                                  {"outcome", filters::to_string(trial.finding.outcome)},
                                  {"mode", filters::to_string(trial.weight.mode)},
                                  {"score", trial.weight.score},
                                  {"milliseconds", trial.after.count()},
                                  {"evidence", escape(trial.finding.detail)}});
  }
  return {{"command", escape(step.command)},
          {"policy", step.policy},
          {"verdict", filters::to_string(verdict.kind)},
          {"score", verdict.score},
          {"rule", escape(verdict.rule)},
          {"would_be", filters::to_string(verdict.would_be)},
          {"would_score", verdict.would_score},
          {"reply", escape(step.reply)},
          {"ends_session", step.ends_session},
          {"counted", to_json(verdict.counted)},
          {"observed", to_json(verdict.observed)},
          {"unknown", to_json(verdict.unknown)},
          {"tests", std::move(trials)}};
}

}  // namespace

std::string in_words(const DryRunReport& report, const filters::Rulebook& rules) {
  std::string text;
  const auto out = std::back_inserter(text);
  const filters::SessionFacts& facts = report.facts;
  fmt::format_to(out, "client    {}, {}{}\nlistener  {}\n", facts.client.address.to_string(),
                 to_string(facts.standing), facts.is_monitor ? ", a monitor of ours" : "",
                 facts.listener.to_string());
  const filters::Origin origin = filters::origin_of(rules.site.access.origins.get(), facts);
  if (!origin.numbers.empty()) {
    fmt::format_to(out, "asn       {}{}{}\n", to_string(origin), origin.name.empty() ? "" : " ",
                   escape(origin.name));
  }
  for (const DryRunReport::Look& look : report.looks) {
    fmt::format_to(out, "{:<9} {}: {} ({} ms)\n", &look == &report.looks.front() ? "asked" : "",
                   question_of(look, rules), escape(answer_of(look)), look.took.count());
  }
  if (!report.memory.empty()) {
    fmt::format_to(out, "memory    {}\n", escape(report.memory));
  }
  if (report.steps.empty()) {
    return text;
  }
  // What is shown of the way: what ends it, and each recipient; one table for each policy.
  std::string_view weighed_by;
  for (const Step& step : report.steps) {
    if (!is_told(step) && &step != &report.steps.back()) {
      continue;
    }
    if (step.policy != weighed_by) {
      write_trials(text, step, rules);
      weighed_by = step.policy;
    }
    write_step(text, step, rules);
  }
  text.pop_back();
  return text;
}

std::string in_json(const DryRunReport& report, const filters::Rulebook& rules) {
  json::array looks;
  for (const DryRunReport::Look& look : report.looks) {
    looks.push_back(json::object{{"question", question_of(look, rules)},
                                 {"answer", escape(answer_of(look))},
                                 {"milliseconds", look.took.count()}});
  }
  json::array steps;
  for (const Step& step : report.steps) {
    json::object object = to_json(step);
    object["posture"] = posture_of(rules, step.policy);
    steps.push_back(std::move(object));
  }
  return control::json_text(json::object{
      {"client", report.facts.client.address.to_string()},
      {"asn", to_string(filters::origin_of(rules.site.access.origins.get(), report.facts))},
      {"standing", word_of(report.facts.standing)},
      {"memory", escape(report.memory)},
      {"looks", std::move(looks)},
      {"steps", std::move(steps)}});
}

}  // namespace smtpguard::tools
