#include "proxy/tools/list_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <iterator>
#include <optional>

#include "conf/base/escape.hpp"
#include "dns/list_health.hpp"
#include "dns/reverse_name.hpp"

namespace smtpguard::tools {
namespace {

namespace json = boost::json;
using Result = ListCheck::Result;

// The questions about one list, and what was answered so far.
struct Asked {
  const filters::DnsList* list = nullptr;
  std::optional<dns::Answer> listing;
  std::optional<dns::Answer> presence;
  std::optional<dns::Answer> absence;
  std::optional<dns::Answer> text;
  Milliseconds took{0};
  std::vector<dns::LookupHandle> handles;
};

dns::Answer answered(const std::optional<dns::Answer>& answer) {
  return answer.value_or(dns::without_records(dns::Outcome::Timeout));
}

// As the daemon does: a list for both is asked for its IPv4 entries.
void ask_self_test(Asked& asked, dns::ConsoleResolver& resolver) {
  const auto family = asked.list->has_ipv4 ? IpAddress::Family::V4 : IpAddress::Family::V6;
  asked.handles.push_back(
      resolver.ask({dns::presence_name(family, asked.list->zone), dns::RecordType::A},
                   [&asked](const auto& answer) { asked.presence = answer; }));
  asked.handles.push_back(
      resolver.ask({dns::test_name(family, asked.list->zone), dns::RecordType::A},
                   [&asked](const auto& answer) { asked.absence = answer; }));
}

dns::SelfTest judge_self_test(const Asked& asked) {
  return dns::judge_self_test(answered(asked.presence), answered(asked.absence), asked.list->codes,
                              asked.list->kind);
}

void ask(Asked& asked, const IpAddress& client, dns::ConsoleResolver& resolver) {
  const TimePoint began = SteadyClock::now();
  const std::string name = dns::list_name(client, asked.list->zone);
  asked.handles.push_back(resolver.ask(
      {name, dns::RecordType::A}, [&asked, &resolver, name, began](const auto& answer) {
        asked.listing = answer;
        asked.took = std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - began);
        if (!answer.addresses.empty()) {
          asked.handles.push_back(resolver.ask({name, dns::RecordType::TXT},
                                               [&asked](const auto& text) { asked.text = text; }));
        }
      }));
  if (asked.list->is_self_tested) {
    ask_self_test(asked, resolver);
  }
}

ListCheck judge(const Asked& asked) {
  ListCheck check;
  check.list = *asked.list;
  if (asked.handles.empty()) {
    check.result = Result::NotAsked;
    check.words = "not for addresses of this kind";
    return check;
  }
  check.took = asked.took;
  const filters::ListOpinion opinion = filters::opinion_of(check.list, answered(asked.listing));
  check.score = opinion.score;
  check.words = opinion.words;
  check.remedy = opinion.answer.remedy;
  switch (opinion.answer.kind) {
    case dns::ListAnswer::Kind::NotListed:
      check.result = Result::NotListed;
      for (const IpAddress& code : opinion.answer.codes) {
        check.words +=
            fmt::format("{}{} does not count", check.words.empty() ? "" : ", ", code.to_string());
      }
      break;
    case dns::ListAnswer::Kind::Listed:
      check.result = Result::Listed;
      break;
    case dns::ListAnswer::Kind::Error:
    case dns::ListAnswer::Kind::Trouble:
      check.result = Result::Trouble;
      break;
  }
  if (asked.text) {
    check.texts = asked.text->texts;
  }
  if (check.list.is_self_tested) {
    const dns::SelfTest tested = judge_self_test(asked);
    check.self_test = tested.trouble;
    if (check.remedy.empty()) {
      check.remedy = tested.remedy;
    }
  }
  return check;
}

std::string_view to_string(Result result) {
  switch (result) {
    case Result::Listed:
      return "listed";
    case Result::NotListed:
      return "not listed";
    case Result::Trouble:
      return "trouble";
    case Result::NotAsked:
      return "not asked";
  }
  return "?";
}

// What the listings come to, of lists that count.
std::int32_t sum_of(const std::vector<ListCheck>& checks) {
  std::int32_t sum = 0;
  for (const ListCheck& check : checks) {
    const bool counts = check.result == Result::Listed && check.is_trusted_to_count() &&
                        check.list.mode == filters::Mode::Score;
    sum += counts ? check.score : 0;
  }
  return sum;
}

std::string score_of(const ListCheck& check) {
  if (check.result != Result::Listed) {
    return "-";
  }
  switch (check.list.mode) {
    case filters::Mode::Require:
      return "refuses";
    case filters::Mode::Observe:
      return fmt::format("({})", check.score);
    case filters::Mode::Off:
    case filters::Mode::Score:
      break;
  }
  return std::to_string(check.score);
}

}  // namespace

std::vector<ListCheck> check_lists(const std::vector<filters::DnsList>& lists,
                                   const IpAddress& client, dns::ConsoleResolver& resolver,
                                   Milliseconds budget) {
  std::vector<Asked> all(lists.size());  // at one place: the sinks refer to its elements
  for (std::size_t i = 0; i < lists.size(); ++i) {
    all[i].list = &lists[i];
    all[i].took = budget;
    if (lists[i].has(client.family())) {
      ask(all[i], client, resolver);
    }
  }
  resolver.run(budget);
  std::vector<ListCheck> checks;
  std::transform(all.begin(), all.end(), std::back_inserter(checks), judge);
  return checks;
}

std::shared_ptr<const dns::ListHealth> test_lists(const std::vector<filters::DnsList>& lists,
                                                  dns::ConsoleResolver& resolver,
                                                  Milliseconds budget) {
  std::vector<Asked> all(lists.size());  // at one place: the sinks refer to its elements
  for (std::size_t i = 0; i < lists.size(); ++i) {
    all[i].list = &lists[i];
    if (lists[i].is_self_tested) {
      ask_self_test(all[i], resolver);
    }
  }
  resolver.run(budget);
  auto health = std::make_shared<dns::ListHealth>();
  for (const Asked& asked : all) {
    const std::string trouble =
        asked.list->is_self_tested ? judge_self_test(asked).trouble : std::string();
    if (!trouble.empty()) {
      health->troubles[asked.list->zone] = trouble;
    }
  }
  return health;
}

std::string in_words(const IpAddress& client, const std::vector<ListCheck>& checks) {
  std::size_t width = 4;
  for (const ListCheck& check : checks) {
    width = std::max(width, check.list.shown_zone.size());
  }
  std::string text = fmt::format("{}\n{:<{}}  {:<10} {:>7} {:>6}  {}\n", client.to_string(), "zone",
                                 width, "says", "score", "ms", "codes and meanings");
  const auto out = std::back_inserter(text);
  for (const ListCheck& check : checks) {
    std::string line = fmt::format("{:<{}}  {:<10} {:>7} {:>6}  {}", check.list.shown_zone, width,
                                   to_string(check.result), score_of(check), check.took.count(),
                                   escape(check.words));
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::format_to(out, "{}\n", line);
    for (const std::string& said : check.texts) {
      fmt::format_to(out, "    says \"{}\"\n", escape(said));
    }
    if (!check.self_test.empty()) {
      fmt::format_to(out, "    does not count: {}\n", escape(check.self_test));
    }
    if (!check.remedy.empty()) {
      fmt::format_to(out, "    remedy: {}\n", check.remedy);
    }
  }
  fmt::format_to(out, "sum {}", sum_of(checks));
  return text;
}

std::string in_json(const IpAddress& client, const std::vector<ListCheck>& checks) {
  json::array lists;
  for (const ListCheck& check : checks) {
    json::array texts;
    // JSON strings hold UTF-8; what is shown is what a terminal would show.
    for (const std::string& said : check.texts) {
      texts.push_back(json::value(escape(said)));
    }
    json::object one{{"zone", check.list.shown_zone},
                     {"label", check.list.label},
                     {"result", to_string(check.result)},
                     {"mode", filters::to_string(check.list.mode)},
                     {"words", escape(check.words)},
                     {"ms", check.took.count()},
                     {"text", texts}};
    one["score"] = check.result == Result::Listed ? json::value(check.score) : json::value();
    one["self_test"] =
        check.self_test.empty() ? json::value() : json::value(escape(check.self_test));
    one["remedy"] = check.remedy.empty() ? json::value() : json::value(check.remedy);
    lists.push_back(std::move(one));
  }
  return json::serialize(
      json::object{{"address", client.to_string()}, {"lists", lists}, {"sum", sum_of(checks)}});
}

}  // namespace smtpguard::tools
