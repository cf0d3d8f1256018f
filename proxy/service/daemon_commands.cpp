#include "proxy/service/daemon_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"
#include "filters/sender_origin.hpp"

namespace smtpguard::service {

control::StatusReport DaemonCommands::status() {
  const session::RuntimeConfig& config = worker_.config();
  const session::Totals totals = log_.totals();
  control::StatusReport report;
  report.version = SMTPGUARD_VERSION;
  report.state = worker_.is_stopping() ? "stopping" : "running";
  report.pid = facts_.pid;
  report.worker_pid = static_cast<std::uint64_t>(::getpid());
  report.worker_since = worker_since_;
  report.event_loops = worker_.loops();
  report.uptime = std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - facts_.began);
  report.started = facts_.started;
  report.stopping_since = stopping_since_;
  report.draining = draining();
  report.configuration = facts_.configuration;
  report.loaded = facts_.loaded;
  report.sessions = worker_.sessions();
  report.visitors = worker_.visitors();
  report.slowed = worker_.slowed();
  report.most_connections = config.limits.connections;
  report.most_memory = to_number(config.limits.memory);
  report.ended = totals.ended;
  report.delivered = totals.delivered;
  report.refused = totals.refused;
  report.deferred = totals.deferred;
  for (const Endpoint& address : session::addresses_of(config.backend)) {
    const auto heard_at = worker_.backends().heard_at(address);
    report.backends.push_back(
        {address.to_string(), std::string(session::to_string(config.backend.identity)),
         worker_.backends().is_up(address),
         heard_at ? std::optional(
                        std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - *heard_at))
                  : std::nullopt});
  }
  for (control::ListReport& list : lists().lists) {
    if (!list.trouble.empty()) {
      report.lists_in_trouble.push_back(std::move(list));
    }
  }
  report.log_lines_lost = text_.dropped() + json_.dropped();
  report.crashes = facts_.crashes + log_.crashes();
  return report;
}

void DaemonCommands::sessions(Shown shown) {
  worker_.look_at_sessions(
      control::kSessionsShown, [this, shown = std::move(shown)](session::SessionGlances seen) {
        control::SessionsReport report;
        const TimePoint now = SteadyClock::now();
        for (session::SessionGlance& one : seen.sessions) {
          session::Session::Glance& glance = one.glance;
          report.sessions.push_back({std::move(one.id), std::move(glance.client),
                                     std::move(glance.stage), std::move(glance.helo),
                                     std::chrono::duration<double>(now - glance.began).count(),
                                     glance.octets});
        }
        report.left_out = seen.left_out;
        report.visitors = worker_.visitors();
        report.draining = draining();
        shown(report);
      });
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

constexpr std::uint64_t kLongestBlock = 315'360'000;  // seconds: ten years
// What one answer lists at most: the loop stands still for it.
constexpr std::size_t kMostListed = 2000;
// "a b" in two; the second may be empty.
std::pair<std::string_view, std::string_view> in_two(std::string_view text) {
  const std::size_t blank = std::min(text.find(' '), text.size());
  return {text.substr(0, blank), text.substr(std::min(blank + 1, text.size()))};
}
}  // namespace

Result<control::MemoryReport> DaemonCommands::recall(std::string_view words) {
  const auto [address, behind_address] = in_two(words);
  const auto [organisation, behind_organisation] = in_two(behind_address);
  const auto [domain, confirmed] = in_two(behind_organisation);
  const auto client = IpAddress::parse(address);
  if (!client || confirmed.empty()) {
    return Error{"memory recall ADDRESS ORGANISATION DOMAIN yes|no"};
  }
  const auto given = [](std::string_view word) { return std::string(word == "-" ? "" : word); };
  control::MemoryReport report;
  report.now = filters::memory::wall_now();
  control::Recollection& known = report.recollection.emplace();
  known.client = memory_.recall({*client, given(organisation)}, report.now);
  filters::memory::SenderVisit visit;
  visit.domain = given(domain);
  visit.is_confirmed = confirmed == "yes";
  visit.origins.push_back(filters::network_of(*client));
  if (organisation != "-") {
    visit.origins.emplace_back(organisation);
  }
  known.sender = memory_.recall_sender(visit, report.now);
  if (const auto block = memory_.block_of(*client, report.now)) {
    known.block = fmt::format("{} until {}: {}", block->network.to_string(),
                              filters::memory::to_string(block->until), block->reason);
  }
  return report;
}

Result<control::MemoryReport> DaemonCommands::import_sender(std::string_view line) {
  const auto [domain, origin] = in_two(line);
  if (!memory_.import_sender(domain, origin, filters::memory::wall_now())) {
    return Error{escape(line) +
                 ": a domain, and behind it perhaps a network (IPv4 /24, IPv6 /64 at most) or a "
                 "domain, where its mail comes from"};
  }
  control::MemoryReport report;
  report.done = fmt::format("{} is a correspondent", line);
  return report;
}

Result<control::MemoryReport> DaemonCommands::block(const control::Request& request) {
  namespace memory = filters::memory;
  control::MemoryReport report;
  report.now = memory::wall_now();
  const auto [network, rest] = in_two(request.argument);
  const auto cidr =
      request.command == control::Command::BlockList ? Result<Cidr>(Cidr{}) : Cidr::parse(network);
  if (!cidr) {
    return cidr.error();
  }
  if (request.command == control::Command::BlockDelete) {
    const bool is_lifted = memory_.lift(*cidr, report.now);
    report.done = fmt::format("{} {}", cidr->to_string(),
                              is_lifted ? "is not blocked any more" : "was not blocked");
  }
  if (request.command == control::Command::BlockAdd) {
    const auto [seconds, why] = in_two(rest);
    const auto time = parse_number(seconds);
    if (!time || *time == 0 || why.empty()) {
      return Error{"block add NETWORK SECONDS WORDS"};
    }
    if (*time > kLongestBlock) {
      return Error{"a block ends within ten years; for ever is access.deny"};
    }
    if (worker_.config().rules.site.standing_of(cidr->network) != filters::Standing::Stranger) {
      return Error{cidr->to_string() + ": no stranger: such clients are never blocked"};
    }
    memory::Block wanted;
    wanted.network = *cidr;
    wanted.author = request.asker;
    wanted.reason = why;
    const auto made = memory_.block(
        std::move(wanted), std::chrono::seconds(static_cast<std::int64_t>(*time)), report.now);
    if (!made) {
      return Error{
          fmt::format("there are {} blocks, and no room for more", memory::BlockList::kMost)};
    }
    report.done = fmt::format("{} is blocked until {}", made->network.to_string(),
                              memory::to_string(made->until));
  }
  report.blocks = memory_.blocks(report.now);
  return report;
}

Result<control::MemoryReport> DaemonCommands::memory(const control::Request& request) {
  namespace memory = filters::memory;
  using control::Command;
  control::MemoryReport report;
  report.now = memory::wall_now();
  if (request.command == Command::MemoryStats) {
    const memory::Store* const store = memory_.store();
    report.has_figures = true;
    const memory::Memory::Extent extent = memory_.extent();
    report.entries = extent.records;
    report.most = extent.most;
    report.octets = extent.octets;
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
  if (request.command == Command::CorrespondentsList) {
    report.is_list = true;
    report.records = memory_.all_of(memory::Key::Kind::Correspondent, report.now, kMostListed);
    return report;
  }
  if (request.command == Command::MemoryRecall) {
    return recall(request.argument);
  }
  if (request.command == Command::CorrespondentsImport) {
    return import_sender(request.argument);
  }
  if (request.command == Command::BlockAdd || request.command == Command::BlockDelete ||
      request.command == Command::BlockList) {
    return block(request);
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
