#include "proxy/control/list_reports.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"
#include "proxy/control/json_text.hpp"
#include "proxy/control/words.hpp"

namespace smtpguard::control {
namespace {

namespace json = boost::json;

json::value ms_or_null(const std::optional<Milliseconds>& time) {
  return time ? json::value(time->count()) : json::value();
}

std::string ms_or_dash(const std::optional<Milliseconds>& time) {
  return time ? std::to_string(time->count()) : "-";
}

json::object to_json(const ListReport& list) {
  json::object with;
  for (const auto& [label, count] : list.with) {
    with[label] = count;
  }
  return {{"zone", list.zone},
          {"label", list.label},
          {"kind", list.is_allow ? "allow" : "block"},
          {"state", list.state},
          {"trouble", list.trouble.empty() ? json::value() : json::value(escape(list.trouble))},
          {"remedy", list.remedy.empty() ? json::value() : json::value(list.remedy)},
          {"since_ms", ms_or_null(list.since)},
          {"questions", list.questions},
          {"timeouts", list.timeouts},
          {"refusals", list.refusals},
          {"failures", list.failures},
          {"error_codes", list.error_codes},
          {"median_ms", ms_or_null(list.median)},
          {"p95_ms", ms_or_null(list.p95)},
          {"hits", list.hits},
          {"alone", list.alone},
          {"with", std::move(with)}};
}

std::string overlap_of(const ListReport& list) {
  std::string text;
  for (const auto& [label, count] : list.with) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", label, count);
  }
  return text;
}

std::string to_text(const ListsReport& report) {
  if (report.lists.empty()) {
    return "no DNS lists are configured";
  }
  std::size_t width = std::string_view("zone").size();
  for (const ListReport& list : report.lists) {
    width = std::max(width, list.zone.size());
  }
  std::string text = fmt::format("{:<{}}  {:<8} {:>9} {:>7} {:>6} {:>6} {:>6} {:>7} {:>7}  {}\n",
                                 "zone", width, "state", "questions", "failed", "errors", "median",
                                 "p95 ms", "hits", "alone", "hits with others");
  const auto out = std::back_inserter(text);
  for (const ListReport& list : report.lists) {
    std::string line = fmt::format(
        "{:<{}}  {:<8} {:>9} {:>7} {:>6} {:>6} {:>6} {:>7} {:>7}  {}", list.zone, width, list.state,
        list.questions, list.timeouts + list.refusals + list.failures, list.error_codes,
        ms_or_dash(list.median), ms_or_dash(list.p95), list.hits, list.alone, overlap_of(list));
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::format_to(out, "{}\n", line);
    if (!list.trouble.empty()) {
      fmt::format_to(out, "    {}\n", trouble_in_words(list));
    }
  }
  fmt::format_to(out, "{} since start", many(report.sessions, "session"));
  return text;
}

}  // namespace

std::string trouble_in_words(const ListReport& list) {
  using std::chrono::seconds;
  const std::string since =
      list.since ? fmt::format(" (for {})",
                               format_duration(std::chrono::duration_cast<seconds>(*list.since)))
                 : std::string();
  return fmt::format("{}{}{}{}", escape(list.trouble), since, list.remedy.empty() ? "" : "; ",
                     list.remedy);
}

std::string render(const ListsReport& report, Form form) {
  if (form == Form::Text) {
    return to_text(report);
  }
  json::array lists;
  for (const ListReport& list : report.lists) {
    lists.push_back(to_json(list));
  }
  return json_text(json::object{{"sessions", report.sessions}, {"lists", std::move(lists)}});
}

}  // namespace smtpguard::control
