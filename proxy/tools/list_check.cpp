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
#include "proxy/control/json_text.hpp"

namespace smtpguard::tools {
namespace {

namespace json = boost::json;
using Result = ListCheck::Result;

// The test entries of one kind, and what was answered so far.
struct Probe {
  dns::EntryKind kind = dns::EntryKind::Ipv4;
  std::optional<dns::Answer> presence{};
  std::optional<dns::Answer> absence{};
  Milliseconds took{0};
};

// The questions about one list, and what was answered so far.
struct Asked {
  const filters::DnsList* list = nullptr;
  std::optional<dns::Answer> listing;
  std::optional<dns::Answer> text;
  Milliseconds took{0};
  std::vector<Probe> probes;
  std::vector<dns::LookupHandle> handles;
};

dns::Answer answered(const std::optional<dns::Answer>& answer) {
  return answer.value_or(dns::without_records(dns::Outcome::Timeout));
}

// As the daemon does. `asked` stays where it is.
void ask_self_test(Asked& asked, dns::ConsoleResolver& resolver, Milliseconds budget) {
  const TimePoint began = SteadyClock::now();
  for (const dns::EntryKind kind : asked.list->entry_kinds()) {
    asked.probes.push_back({kind});
    asked.probes.back().took = budget;
  }
  for (Probe& probe : asked.probes) {
    const auto take = [&probe, began](std::optional<dns::Answer>& to) {
      return [&probe, &to, began](const dns::Answer& answer) {
        to = answer;
        if (probe.presence && probe.absence) {
          probe.took = std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - began);
        }
      };
    };
    asked.handles.push_back(resolver.ask(
        {asked.list->presence_name(probe.kind), dns::RecordType::A}, take(probe.presence)));
    asked.handles.push_back(resolver.ask(
        {dns::test_name(probe.kind, asked.list->zone), dns::RecordType::A}, take(probe.absence)));
  }
}

dns::SelfTest judge_probe(const Asked& asked, const Probe& probe) {
  dns::SelfTest tested =
      dns::judge_self_test(probe.kind, answered(probe.presence), answered(probe.absence),
                           asked.list->codes, asked.list->kind);
  if (probe.kind == dns::EntryKind::Ipv6 && !tested.trouble.empty()) {
    tested.trouble = "IPv6: " + tested.trouble;
  }
  return tested;
}

// Of the entries that say whether the list counts for such a client.
dns::SelfTest judge_self_test(const Asked& asked, IpAddress::Family family) {
  const auto probe = std::find_if(asked.probes.begin(), asked.probes.end(), [&](const Probe& one) {
    return one.kind == asked.list->kind_for(family);
  });
  return probe == asked.probes.end() ? dns::SelfTest{dns::SelfTest::Result::Works, {}}
                                     : judge_probe(asked, *probe);
}

void ask(Asked& asked, const IpAddress& client, dns::ConsoleResolver& resolver,
         Milliseconds budget) {
  const TimePoint began = SteadyClock::now();
  const std::string name = dns::list_name(client, asked.list->zone, asked.list->ipv6_nibbles);
  asked.handles.push_back(resolver.ask(
      {name, dns::RecordType::A}, [&asked, &resolver, name, began](const auto& answer) {
        asked.listing = answer;
        asked.took = std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - began);
        if (!answer.addresses().empty()) {
          asked.handles.push_back(resolver.ask({name, dns::RecordType::TXT},
                                               [&asked](const auto& text) { asked.text = text; }));
        }
      }));
  if (asked.list->is_self_tested) {
    ask_self_test(asked, resolver, budget);
  }
}

ListCheck judge(const Asked& asked, IpAddress::Family family) {
  ListCheck check;
  check.list = *asked.list;
  if (asked.handles.empty()) {
    check.result = Result::NotAsked;
    check.words =
        asked.list->is_of_names() ? "it has names, no addresses" : "not for addresses of this kind";
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
    check.texts = asked.text->texts();
  }
  if (check.list.is_self_tested) {
    const dns::SelfTest tested = judge_self_test(asked, family);
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

std::string_view kind_word(dns::EntryKind kind) {
  switch (kind) {
    case dns::EntryKind::Ipv4:
      return "IPv4";
    case dns::EntryKind::Ipv6:
      return "IPv6";
    case dns::EntryKind::Name:
      return "names";
  }
  return "?";
}

std::string_view listed_entry_of(const ListSelfTest& test) {
  const bool is_own = !test.list.listed_entry.empty() && test.kind != dns::EntryKind::Ipv6;
  return is_own ? std::string_view(test.list.listed_entry)
                : dns::words_of_presence_entry(test.kind);
}

std::string with_mark(std::string_view entry, bool is_good, const dns::SelfTest& tested) {
  const std::string_view bad =
      tested.result == dns::SelfTest::Result::Unknown ? "no answer" : "BAD";
  return fmt::format("{} {}", entry, is_good ? "ok" : bad);
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
      ask(all[i], client, resolver, budget);
    }
  }
  resolver.run(budget);
  std::vector<ListCheck> checks;
  std::transform(all.begin(), all.end(), std::back_inserter(checks),
                 [&](const Asked& asked) { return judge(asked, client.family()); });
  return checks;
}

std::vector<ListSelfTest> self_test_lists(const std::vector<filters::DnsList>& lists,
                                          dns::ConsoleResolver& resolver, Milliseconds budget) {
  std::vector<Asked> all(lists.size());  // at one place: the sinks refer to its elements
  for (std::size_t i = 0; i < lists.size(); ++i) {
    all[i].list = &lists[i];
    if (lists[i].is_self_tested) {
      ask_self_test(all[i], resolver, budget);
    }
  }
  resolver.run(budget);
  std::vector<ListSelfTest> tests;
  for (const Asked& asked : all) {
    for (const Probe& probe : asked.probes) {
      tests.push_back({*asked.list, probe.kind, true, judge_probe(asked, probe), probe.took});
    }
    if (asked.probes.empty()) {
      tests.push_back({*asked.list, asked.list->entry_kinds().front(), false, {}, Milliseconds{0}});
    }
  }
  return tests;
}

std::shared_ptr<const dns::ListHealth> test_lists(const std::vector<filters::DnsList>& lists,
                                                  dns::ConsoleResolver& resolver,
                                                  Milliseconds budget) {
  auto health = std::make_shared<dns::ListHealth>();
  for (const ListSelfTest& test : self_test_lists(lists, resolver, budget)) {
    auto& troubles = test.kind == dns::EntryKind::Ipv6 ? health->ipv6_troubles : health->troubles;
    if (test.was_made && !test.tested.trouble.empty()) {
      troubles[test.list.zone] = test.tested.trouble;
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
  return control::json_text(
      json::object{{"address", client.to_string()}, {"lists", lists}, {"sum", sum_of(checks)}});
}

std::string in_words(const std::vector<ListSelfTest>& tests) {
  std::size_t width = 4;
  for (const ListSelfTest& test : tests) {
    width = std::max(width, test.list.shown_zone.size());
  }
  std::string text = fmt::format("{:<{}}  {:<7} {:<20} {:<23} {:>6}  {}\n", "zone", width,
                                 "entries", "listed", "unlisted", "ms", "meaning");
  const auto out = std::back_inserter(text);
  for (const ListSelfTest& test : tests) {
    const std::string_view kind = kind_word(test.kind);
    if (!test.was_made) {
      fmt::format_to(out, "{:<{}}  {:<7} not asked for: self_test = false\n", test.list.shown_zone,
                     width, kind);
      continue;
    }
    const std::string meaning = test.tested.trouble.empty() ? "works" : escape(test.tested.trouble);
    fmt::format_to(
        out, "{:<{}}  {:<7} {:<20} {:<23} {:>6}  {}\n", test.list.shown_zone, width, kind,
        with_mark(listed_entry_of(test), test.tested.has_listed_entry, test.tested),
        with_mark(dns::words_of_test_entry(test.kind), test.tested.has_unlisted_entry, test.tested),
        test.took.count(), meaning);
    if (!test.tested.remedy.empty()) {
      fmt::format_to(out, "    remedy: {}\n", test.tested.remedy);
    }
  }
  text.pop_back();
  return text;
}

std::string in_json(const std::vector<ListSelfTest>& tests) {
  json::array lists;
  for (const ListSelfTest& test : tests) {
    const bool works = test.was_made && test.tested.result == dns::SelfTest::Result::Works;
    json::object one{{"zone", test.list.shown_zone},
                     {"label", test.list.label},
                     {"entries", kind_word(test.kind)},
                     {"tested", test.was_made},
                     {"works", works},
                     {"listed_entry", listed_entry_of(test)},
                     {"listed_entry_ok", test.tested.has_listed_entry},
                     {"unlisted_entry", dns::words_of_test_entry(test.kind)},
                     {"unlisted_entry_ok", test.tested.has_unlisted_entry},
                     {"ms", test.took.count()}};
    one["meaning"] =
        test.tested.trouble.empty() ? json::value() : json::value(escape(test.tested.trouble));
    one["remedy"] = test.tested.remedy.empty() ? json::value() : json::value(test.tested.remedy);
    lists.push_back(std::move(one));
  }
  return control::json_text(json::object{{"lists", std::move(lists)}});
}

}  // namespace smtpguard::tools
