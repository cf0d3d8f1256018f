#include "proxy/service/daemon_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "conf/base/escape.hpp"

namespace smtpguard::service {

control::StatusReport DaemonCommands::status() {
  const session::RuntimeConfig& config = worker_.config();
  const session::Totals totals = log_.totals();
  control::StatusReport report;
  report.version = SMTPGUARD_VERSION;
  report.state = worker_.is_stopping() ? "stopping" : "running";
  report.pid = facts_.pid;
  report.worker_pid = static_cast<std::uint64_t>(::getpid());
  report.uptime = std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - facts_.began);
  report.started = facts_.started;
  report.stopping_since = stopping_since_;
  report.draining = draining();
  report.configuration = facts_.configuration;
  report.loaded = facts_.loaded;
  report.sessions = worker_.sessions();
  report.visitors = worker_.visitors();
  report.most_connections = config.limits.connections;
  report.ended = totals.ended;
  report.delivered = totals.delivered;
  report.refused = totals.refused;
  report.deferred = totals.deferred;
  for (const Endpoint& address : session::addresses_of(config.backend)) {
    report.backends.push_back({address.to_string(),
                               std::string(session::to_string(config.backend.identity)),
                               worker_.backends().is_up(address)});
  }
  for (control::ListReport& list : lists().lists) {
    if (!list.trouble.empty()) {
      report.lists_in_trouble.push_back(std::move(list));
    }
  }
  report.log_lines_lost = text_.dropped() + json_.dropped();
  report.crashes = log_.crashes();
  return report;
}

control::SessionsReport DaemonCommands::sessions() {
  control::SessionsReport report;
  const TimePoint now = SteadyClock::now();
  worker_.for_each_session([&](const session::Session& session) {
    if (report.sessions.size() == control::kSessionsShown) {
      ++report.left_out;
      return;
    }
    const session::Session::Glance glance = session.glance();
    report.sessions.push_back({session.id(), glance.client, glance.stage, glance.helo,
                               std::chrono::duration<double>(now - glance.began).count(),
                               glance.octets});
  });
  report.visitors = worker_.visitors();
  report.draining = draining();
  return report;
}

// As of the supervisor's last word, the time since then taken off.
std::vector<control::DrainingWorker> DaemonCommands::draining() const {
  const auto since =
      std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - draining_known_at_);
  std::vector<control::DrainingWorker> workers = draining_;
  for (control::DrainingWorker& worker : workers) {
    worker.time_left = std::max(worker.time_left - since, Milliseconds(0));
  }
  return workers;
}

control::ListsReport DaemonCommands::lists() {
  control::ListsReport report;
  report.sessions = worker_.lists().sessions();
  for (const session::ListWatch::Glance& glance : worker_.lists().glance()) {
    const session::ListCounts& counts = glance.counts;
    control::ListReport list;
    list.zone = glance.list.shown_zone;
    list.label = glance.list.label;
    list.state = glance.state;
    list.trouble = glance.trouble;
    list.remedy = glance.remedy;
    list.since = glance.since;
    list.is_allow = glance.list.kind == dns::ListKind::Allow;
    list.questions = counts.questions;
    list.timeouts = counts.timeouts;
    list.refusals = counts.refusals;
    list.failures = counts.failures;
    list.error_codes = counts.error_codes;
    if (counts.answers() > 0) {
      list.median = counts.quantile(50);
      list.p95 = counts.quantile(95);
    }
    list.hits = counts.hits;
    list.alone = counts.alone;
    list.with.assign(counts.with.begin(), counts.with.end());
    report.lists.push_back(std::move(list));
  }
  return report;
}

namespace {
// What one answer lists at most: the loop stands still for it.
constexpr std::size_t kMostListed = 2000;
}  // namespace

Result<control::MemoryReport> DaemonCommands::memory(const control::Request& request) {
  namespace memory = filters::memory;
  using control::Command;
  control::MemoryReport report;
  report.now = memory::wall_now();
  if (request.command == Command::MemoryStats) {
    const memory::Store* const store = memory_.store();
    report.has_figures = true;
    report.entries = memory_.table().size();
    report.most = memory_.table().most();
    report.octets = memory_.table().memory();
    report.store = store == nullptr ? "none" : store->is_working() ? "works" : "in trouble";
    report.waiting = store == nullptr ? 0 : store->waiting();
    return report;
  }
  if (request.command == Command::GreylistList) {
    report.is_list = true;
    report.greylist_wait = memory_.settings().greylist.wait;
    report.records = memory_.all_of(memory::Key::Kind::Greylist, report.now, kMostListed);
    return report;
  }
  const auto address = IpAddress::parse(request.argument);
  const auto key = address ? std::optional(memory::Key::address(*address))
                           : memory::Key::organisation(request.argument);
  if (!key) {
    return Error{escape(request.argument) + ": neither an address nor a domain"};
  }
  if (request.command == Command::MemoryForget) {
    report.done = memory_.forget(*key) ? fmt::format("{} is forgotten", key->text())
                                       : fmt::format("{} was not known", key->text());
  } else if (request.command == Command::Pass) {
    memory_.give_pass(*key, report.now);
    report.done = fmt::format("{} is known good", key->text());
  }
  report.records = memory_.about(*key, report.now);
  if (address) {
    const auto network = memory_.about(memory::Key::network(*address), report.now);
    report.records.insert(report.records.end(), network.begin(), network.end());
  }
  return report;
}

}  // namespace smtpguard::service
