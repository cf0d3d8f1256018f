#include "proxy/control/reports.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <string_view>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"
#include "proxy/control/json_text.hpp"
#include "proxy/control/words.hpp"

namespace smtpguard::control {
namespace {

namespace json = boost::json;

double in_seconds(Milliseconds duration) {
  return static_cast<double>(duration.count()) / 1000;
}

std::string_view state_of(const StatusReport::Backend& backend) {
  if (!backend.is_up) {
    return "unknown";
  }
  return *backend.is_up ? "up" : "down";
}

// What is known of one that nobody needs is only as good as it is young.
std::string sentence_of(const StatusReport::Backend& backend) {
  if (!backend.is_up) {
    return "was not tried yet";
  }
  const std::string_view state = *backend.is_up ? "answers" : "does not answer";
  if (!backend.heard_ago) {
    return std::string(state);
  }
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(*backend.heard_ago);
  return fmt::format("{}, last heard {} ago", state, format_duration(whole));
}

std::string_view words_of_state(std::string_view state) {
  return state == "works" ? "not whole" : state;
}

json::array to_json(const std::vector<DrainingWorker>& workers) {
  json::array out;
  for (const DrainingWorker& worker : workers) {
    out.push_back(json::object{{"pid", worker.pid},
                               {"sessions", worker.sessions},
                               {"seconds_left", in_seconds(worker.time_left)}});
  }
  return out;
}

json::object to_json(const StatusReport& report) {
  json::array lists;
  for (const ListReport& list : report.lists_in_trouble) {
    lists.push_back(json::object{{"zone", list.zone},
                                 {"state", list.state},
                                 {"trouble", escape(list.trouble)},
                                 {"remedy", list.remedy}});
  }
  json::array backends;
  for (const StatusReport::Backend& backend : report.backends) {
    backends.push_back(json::object{
        {"address", backend.address},
        {"identity", backend.identity},
        {"state", state_of(backend)},
        {"heard_seconds_ago",
         backend.heard_ago ? json::value(in_seconds(*backend.heard_ago)) : json::value()}});
  }
  return {{"version", report.version},
          {"state", report.state},
          {"pid", report.pid},
          {"worker_pid", report.worker_pid},
          {"uptime_seconds", in_seconds(report.uptime)},
          {"started", report.started},
          {"stopping_since",
           report.stopping_since.empty() ? json::value() : json::value(report.stopping_since)},
          {"draining", to_json(report.draining)},
          {"configuration", escape(report.configuration)},
          {"loaded", report.loaded},
          {"worker_since", report.worker_since},
          {"event_loops", report.event_loops},
          {"sessions", report.sessions},
          {"visitors", report.visitors},
          {"slowed", report.slowed},
          {"most_connections", report.most_connections},
          {"most_memory", report.most_memory},
          {"ended", report.ended},
          {"delivered", report.delivered},
          {"refused", report.refused},
          {"deferred", report.deferred},
          {"backends", std::move(backends)},
          {"lists_in_trouble", std::move(lists)},
          {"log_lines_lost", report.log_lines_lost},
          {"crashes", report.crashes}};
}

std::string to_text(const StatusReport& report) {
  const std::string since = report.stopping_since.empty()
                                ? report.state + " since " + report.started
                                : fmt::format("{} since {}, started {}", report.state,
                                              report.stopping_since, report.started);
  std::string text = fmt::format(
      "smtpguard {}, pid {}, worker {} with {}, {} ({})\n"
      "configuration  {}, loaded {}\n"
      "now            {} and {}, {}{} at most{}\n"
      "so far         {} ended since {}; {} delivered; replies: {} refused, {} deferred\n",
      report.version, report.pid, report.worker_pid, many(report.event_loops, "event loop"), since,
      format_duration(report.uptime), escape(report.configuration), report.loaded,
      many(report.sessions, "session"), many(report.visitors, "visitor"),
      many(report.most_connections, "connection"),
      report.most_memory == 0 ? ""
                              : fmt::format(" and {:.1f} MB of memory",
                                            static_cast<double>(report.most_memory) / 1'000'000),
      report.slowed == 0 ? "" : fmt::format("; {} in the tarpit", report.slowed),
      many(report.ended, "session"), report.worker_since, many(report.delivered, "message"),
      report.refused, report.deferred);
  for (const DrainingWorker& worker : report.draining) {
    text += fmt::format("draining       worker {}: {} left, for {} at most\n", worker.pid,
                        many(worker.sessions, "session"), format_duration(worker.time_left));
  }
  for (const StatusReport::Backend& backend : report.backends) {
    text += fmt::format("backend        {} ({}) {}\n", backend.address, backend.identity,
                        sentence_of(backend));
  }
  for (const ListReport& list : report.lists_in_trouble) {
    text += fmt::format("dns list       {} is {}: {}\n", list.zone, words_of_state(list.state),
                        trouble_in_words(list));
  }
  text += fmt::format("trouble        {} lost, {}", many(report.log_lines_lost, "log line"),
                      report.crashes == 1 ? "1 crash" : fmt::format("{} crashes", report.crashes));
  return text;
}

json::object to_json(const SessionsReport& report) {
  json::array sessions;
  for (const SessionReport& session : report.sessions) {
    sessions.push_back(json::object{{"id", session.id},
                                    {"client", session.client},
                                    {"stage", session.stage},
                                    {"helo", escape(session.helo)},
                                    {"seconds", session.seconds},
                                    {"octets", session.octets}});
  }
  return {{"sessions", std::move(sessions)},
          {"left_out", report.left_out},
          {"visitors", report.visitors},
          {"draining", to_json(report.draining)}};
}

std::string to_text(const SessionsReport& report) {
  constexpr std::size_t kHeloShown = 60;
  std::size_t client_width = std::string_view("CLIENT").size();
  for (const SessionReport& session : report.sessions) {
    client_width = std::max(client_width, session.client.size());
  }
  std::string text;
  if (!report.sessions.empty()) {
    text = fmt::format("{:<10}  {:<{}}  {:>9}  {:>10}  {:<20}  {}\n", "SESSION", "CLIENT",
                       client_width, "SECONDS", "OCTETS", "STAGE", "HELO");
  }
  for (const SessionReport& session : report.sessions) {
    fmt::format_to(std::back_inserter(text), "{:<10}  {:<{}}  {:>9.3f}  {:>10}  {:<20}  {}\n",
                   session.id, session.client, client_width, session.seconds, session.octets,
                   session.stage, session.helo.empty() ? "-" : escape(session.helo, kHeloShown));
  }
  if (report.left_out > 0) {
    text += fmt::format("and {} younger ones\n", report.left_out);
  }
  for (const DrainingWorker& worker : report.draining) {
    text += fmt::format("and {} of worker {}, which drains\n", worker.sessions, worker.pid);
  }
  text += fmt::format("{}, {}", many(report.sessions.size() + report.left_out, "session"),
                      many(report.visitors, "visitor"));
  return text;
}

}  // namespace

std::string render(const StatusReport& report, Form form) {
  return form == Form::Json ? json_text(to_json(report)) : to_text(report);
}

std::string render(const SessionsReport& report, Form form) {
  return form == Form::Json ? json_text(to_json(report)) : to_text(report);
}

std::string render_done(const std::string& text, Form form) {
  return form == Form::Json ? json_text(json::object{{"done", text}}) : text;
}

std::string render_error(const std::string& text, Form form) {
  return form == Form::Json ? json_text(json::object{{"error", text}}) : text;
}

}  // namespace smtpguard::control
