// Workers: how they start, become the serving one, and end.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "conf/base/anonymous_file.hpp"
#include "conf/base/escape.hpp"
#include "conf/base/syslog_sink.hpp"
#include "proxy/service/notify.hpp"
#include "proxy/service/supervisor.hpp"
#include "proxy/session/ledger.hpp"

namespace smtpguard::service {
namespace {

using namespace std::chrono_literals;

// For a worker to read its configuration and say that it is ready.
constexpr Milliseconds kTimeToStart = 60s;
// So many lost sessions are named one by one.
constexpr std::size_t kMostNamed = 1000;

std::string how_ended(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return fmt::format("was ended by signal {} ({})", number, ::strsignal(number));
  }
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

}  // namespace

// What a hand-over could not bring, or no longer fits: an upgrade may have failed for that.
Result<void> Supervisor::prepare_worker() {
  if (!privileges_) {
    privileges_ = plan_privileges(line_.foreground);
  }
  if (!privileges_) {
    return privileges_.error();
  }
  if (!configuration_.ok()) {
    configuration_ = load_configuration(line_.file);
  }
  if (!configuration_.ok()) {
    return Error{configuration_.errors.front()};
  }
  return sockets_.match(configuration_.settings.fixed.listeners);
}

void Supervisor::start_worker() {
  const auto prepared = prepare_worker();
  if (!prepared) {
    daemon().error("cannot start a worker: " + prepared.error().text);
    schedule_restart(0s);
    return;
  }
  auto ends = Channel::make_pair();
  auto ledger = make_anonymous_file();
  const pid_t parent = ::getpid();
  const pid_t pid = ends && ledger ? ::fork() : -1;
  if (pid < 0) {
    const std::string why = !ends     ? ends.error().text
                            : !ledger ? ledger.error().text
                                      : std::generic_category().message(errno);
    daemon().error("cannot start a worker: " + why);
    schedule_restart(0s);
    return;
  }
  if (pid == 0) {
    seed_ = WorkerSeed{std::move(ends->second),
                       std::move(*ledger),
                       line_,
                       *privileges_,
                       static_cast<std::uint64_t>(parent),
                       started_,
                       began_,
                       crashes_};
    return;
  }
  Worker& worker = workers_.emplace_back();
  worker.pid = pid;
  worker.channel = std::move(ends->first);
  worker.ledger = std::move(*ledger);
  worker.kill_at = SteadyClock::now() + kTimeToStart;
  supply(worker);
}

void Supervisor::supply(Worker& worker) {
  const session::LogSettings& log = configuration_.settings.fixed.log;
  const auto files = make_anonymous_file(configuration_.files);
  if (!files) {
    daemon().error(files.error().text);
    return;
  }
  send(worker, {MessageKind::Files, false, 0, {}}, files->get());
  if (!line_.foreground && log.syslog) {
    send_syslog(worker);
  }
  if (!log.file.empty()) {
    const auto file = open_log_file(log.file);
    if (file) {
      send(worker, {MessageKind::LogFile, false, 0, {}}, file->get());
    } else {
      daemon().error(file.error().text);
    }
  }
  for (const auto& [address, socket] : sockets_.listeners) {
    send(worker, {MessageKind::Listener, false, 0, address}, socket.get());
  }
  if (sockets_.control.is_valid()) {
    send(worker, {MessageKind::ControlSocket, false, 0, {}}, sockets_.control.get());
  }
  send(worker, {MessageKind::Apply, false, 0, {}});
}

void Supervisor::send(Worker& worker, const Message& message, int descriptor) {
  const auto sent = worker.channel.send(message, descriptor);
  if (!sent && worker.channel.is_open()) {
    daemon().warning(fmt::format("to worker {}: {}", worker.pid, sent.error().text));
  }
}

void Supervisor::send_syslog(Worker& worker) {
  const auto socket = connect_to_syslog();
  if (socket) {
    send(worker, {MessageKind::Syslog, false, 0, {}}, socket->get());
  }
}

void Supervisor::on_ready(Worker& worker, const std::string& confinement) {
  worker.kill_at = TimePoint::max();
  daemon().write(privileges_->severity,
                 fmt::format("worker {} is ready: {}", worker.pid, escape(confinement)));
  Worker* const before = find(Role::Serving);
  worker.role = Role::Serving;
  if (!has_served_) {
    has_served_ = true;
    announce();
    background_.tell_started();
  }
  if (before != nullptr) {
    answer(std::exchange(upgrade_asker_, {}),
           {boost::system::in_place_value,
            fmt::format("upgraded to version {}; the old worker {} keeps its sessions for at most "
                        "{}",
                        SMTPGUARD_VERSION, before->pid,
                        format_duration(configuration_.settings.runtime.limits.drain_timeout))});
    retire(*before);
  }
  notify_service_manager("READY=1");
}

void Supervisor::announce() {
  const Settings& settings = configuration_.settings;
  for (const session::ListenerSettings& listener : settings.fixed.listeners) {
    daemon().info(fmt::format("listening on {}, backend {} ({})", listener.address.to_string(),
                              settings.runtime.backend.address.to_string(),
                              session::to_string(settings.runtime.backend.identity)));
  }
  for (const std::string& warning : settings.warnings) {
    daemon().warning(warning);
  }
}

void Supervisor::reap() {
  if (signals_.take(SIGCHLD)) {
    bury();
  }
}

void Supervisor::bury() {
  int status = 0;
  pid_t pid = 0;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
    if (check_ && check_->pid == pid) {
      finish_check(status);
      continue;
    }
    const auto worker = std::find_if(workers_.begin(), workers_.end(),
                                     [&](const Worker& known) { return known.pid == pid; });
    if (worker != workers_.end()) {
      on_exit(worker, status);
    }
  }
}

void Supervisor::on_exit(std::list<Worker>::iterator place, int status) {
  hear(*place);  // its last words
  const Worker worker = std::move(*place);
  workers_.erase(place);
  const bool is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  const auto lived = std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - worker.since);
  if (reload_ && reload_->worker == worker.pid) {
    fail_reload("the worker ended meanwhile");
  }
  if (!is_good) {
    const std::string why = worker.trouble.empty() ? "" : ": " + escape(worker.trouble);
    if (!has_served_) {
      std::fputs(
          fmt::format("smtpguard: {}\n", why.empty() ? how_ended(status) : why.substr(2)).c_str(),
          stderr);
      status_ = 1;
      return;
    }
    daemon().error(fmt::format("worker {} {} after {}{}", worker.pid, how_ended(status),
                               format_duration(lived), why));
    ++crashes_;
    name_lost_sessions(worker);
  }
  if (is_stopping_) {
    if (!is_good) {
      worst_status_ = 1;
    }
    if (workers_.empty()) {
      daemon().info("stopped");
      status_ = worst_status_;
    }
    return;
  }
  if (worker.role == Role::Leaving) {
    daemon().info(fmt::format("worker {} has ended; {} still drain", worker.pid, draining()));
    return;
  }
  if (worker.role == Role::Starting && find(Role::Serving) != nullptr) {
    answer(std::exchange(upgrade_asker_, {}),
           Error{fmt::format("upgrade: the new worker did not start: {}; the old one goes on",
                             worker.trouble.empty() ? how_ended(status) : worker.trouble)});
    return;
  }
  if (find(Role::Starting) == nullptr) {
    schedule_restart(lived);
  }
}

void Supervisor::name_lost_sessions(const Worker& worker) {
  const auto lost = session::Ledger::open_sessions(worker.ledger);
  for (std::size_t i = 0; i < std::min(lost.size(), kMostNamed); ++i) {
    daemon().error(fmt::format("session {} of {} was lost{}", escape(lost[i].id),
                               escape(lost[i].client),
                               lost[i].is_in_message ? ", inside a message" : ""));
  }
  if (lost.size() > kMostNamed) {
    daemon().error(fmt::format("{} more sessions were lost", lost.size() - kMostNamed));
  }
}

void Supervisor::schedule_restart(Milliseconds lived) {
  const Milliseconds delay = restart_delay_.next(lived);
  restart_at_ = SteadyClock::now() + delay;
  daemon().warning(
      fmt::format("starting another worker{}", delay == 0s ? "" : " in " + format_duration(delay)));
}

const Supervisor::Worker* Supervisor::find(Role role) const {
  const auto worker = std::find_if(workers_.begin(), workers_.end(),
                                   [&](const Worker& known) { return known.role == role; });
  return worker == workers_.end() ? nullptr : &*worker;
}

Supervisor::Worker* Supervisor::find(Role role) {
  return const_cast<Worker*>(std::as_const(*this).find(role));
}

Supervisor::Worker* Supervisor::find(pid_t pid) {
  const auto worker = std::find_if(workers_.begin(), workers_.end(),
                                   [&](const Worker& known) { return known.pid == pid; });
  return worker == workers_.end() ? nullptr : &*worker;
}

std::size_t Supervisor::draining() const {
  return static_cast<std::size_t>(
      std::count_if(workers_.begin(), workers_.end(),
                    [](const Worker& worker) { return worker.role == Role::Leaving; }));
}

}  // namespace smtpguard::service
