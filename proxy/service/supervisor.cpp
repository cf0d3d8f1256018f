#include "proxy/service/supervisor.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "conf/base/syslog_sink.hpp"
#include "proxy/service/draining.hpp"
#include "proxy/service/heartbeat.hpp"
#include "proxy/service/notify.hpp"
#include "proxy/service/process_title.hpp"
#include "proxy/session/ledger.hpp"

namespace smtpguard::service {
namespace {

using namespace std::chrono_literals;
using State = Channel::Received::State;

// Logs are looked after so often.
constexpr Milliseconds kTend = 1s;
// Beyond drain_timeout, before a worker that should have ended is killed.
constexpr Milliseconds kGrace = 10s;
constexpr Milliseconds kTimeToStop = 5s;
// A worker whose loop does not turn for so long is killed: its clients would wait for ever.
constexpr Milliseconds kSilence = 6 * kHeartbeat;
// So long were we all asleep, or busy ourselves: nobody is to be blamed for silence.
constexpr Milliseconds kSleep = 5s;
constexpr Milliseconds kTryControl = 2s;
// Messages of one worker before the others have their turn.
constexpr int kMostMessages = 64;

}  // namespace

Supervisor::Supervisor(Setup setup, Logs& logs, Signals& signals)
    : logs_(logs),
      line_(std::move(setup.line)),
      program_(std::move(setup.program)),
      privileges_(std::move(setup.privileges)),
      background_(std::move(setup.background)),
      configuration_(std::move(setup.configuration)),
      sockets_(std::move(setup.sockets)),
      trouble_(std::move(setup.trouble)),
      signals_(signals),
      started_(utc_timestamp()) {
  if (setup.handover) {
    adopt(*setup.handover);
  }
}

// The workers of the program that we were executed over.
void Supervisor::adopt(const Handover& handover) {
  started_ = handover.started;
  began_ = TimePoint(TimePoint::duration(handover.began));
  has_served_ = true;
  for (const Handover::Worker& known : handover.workers) {
    Worker& worker = workers_.emplace_back();
    worker.pid = known.pid;
    worker.channel = Channel(Descriptor(known.channel));
    worker.ledger = Descriptor(known.ledger);
    worker.role = known.is_serving ? Role::Serving : Role::Leaving;
    worker.is_ours = false;
    worker.kill_at = TimePoint(TimePoint::duration(known.kill_at));
    if (known.is_serving) {
      upgrade_asker_ = {known.pid, handover.tag};
    } else {
      // It may not have heard it yet.
      send(worker, {MessageKind::Retire, false, 0, std::to_string(time_left(worker).count())});
    }
  }
}

Supervisor::Ending Supervisor::run() {
  set_process_title("supervisor " + line_.file);
  if (trouble_.empty()) {
    start_worker();
  } else {
    answer(std::exchange(upgrade_asker_, {}), Error{"upgrade: " + trouble_});
  }
  if (!seed_) {
    bury();  // who ended while the program was changed: that signal was the old one's
  }
  while (!status_ && !seed_) {
    wait();
    heed_signals();
    listen_to_workers();
    reap();
    heed_deadlines();
  }
  return {status_.value_or(0), std::move(seed_)};
}

void Supervisor::wait() {
  std::vector<pollfd> wanted;
  for (const Worker& worker : workers_) {
    if (worker.channel.is_open()) {
      wanted.push_back({worker.channel.descriptor(), POLLIN, 0});
    }
  }
  if (check_ && check_->output.is_valid()) {
    wanted.push_back({check_->output.get(), POLLIN, 0});
  }
  signals_.wait(wanted.data(), static_cast<unsigned>(wanted.size()), patience());
}

// Milliseconds until there is something to do without being woken.
int Supervisor::patience() const {
  TimePoint next = SteadyClock::now() + kTend;
  next = std::min(next, restart_at_.value_or(TimePoint::max()));
  for (const Worker& worker : workers_) {
    next = std::min(next, worker.kill_at);
  }
  const auto left = std::chrono::ceil<Milliseconds>(next - SteadyClock::now());
  return static_cast<int>(std::max<Milliseconds::rep>(left.count(), 0));
}

void Supervisor::heed_signals() {
  if (signals_.take(SIGTERM)) {
    daemon().info("SIGTERM: stopping");
    stop_gently();
  }
  if (signals_.take(SIGINT)) {
    daemon().info("SIGINT: stopping at once");
    stop_now();
  }
  if (signals_.take(SIGUSR1)) {
    answer({}, reopen_log());
  }
  if (signals_.take(SIGHUP)) {
    reload({});
  }
  if (signals_.take(SIGUSR2)) {
    upgrade({});
  }
}

void Supervisor::heed_deadlines() {
  const TimePoint now = SteadyClock::now();
  if (now - tended_ >= kTend) {
    watch_workers(now);
    tended_ = now;
    logs_.tend();
    tell_of_draining();
    open_control_later(now);
  }
  for (Worker& worker : workers_) {
    if (now >= worker.kill_at) {
      daemon().error(fmt::format("worker {} does not end in time: killed", worker.pid));
      worker.kill_at = TimePoint::max();
      ::kill(worker.pid, SIGKILL);
    }
  }
  if (reload_ && now >= reload_->deadline) {
    fail_reload("the worker did not answer in time");
  }
  if (check_ && now >= check_->deadline) {
    check_->deadline = TimePoint::max();
    ::kill(check_->pid, SIGKILL);
  }
  if (restart_at_ && now >= *restart_at_ && !is_stopping_) {
    restart_at_.reset();
    start_worker();
  }
  if (reload_again_ && !is_busy()) {
    reload_again_ = false;
    reload({});
  }
}

// After a sleep of the machine, or of ours, everybody has time to give a sign first.
void Supervisor::watch_workers(TimePoint now) {
  const bool has_slept = tended_ != TimePoint{} && now - tended_ > kSleep;
  for (Worker& worker : workers_) {
    if (!worker.alive_at) {
      continue;
    }
    const bool is_reloading = reload_ && reload_->worker == worker.pid;
    if (has_slept || is_reloading) {
      worker.alive_at = now;
    } else if (now - *worker.alive_at > kSilence) {
      daemon().error(fmt::format("worker {} hangs: no sign of life for {}: killed", worker.pid,
                                 format_duration(kSilence)));
      worker.alive_at.reset();
      ::kill(worker.pid, SIGKILL);
    }
  }
}

// It may have been taken by a worker of a daemon that was killed, until that ends.
void Supervisor::open_control_later(TimePoint now) {
  if (sockets_.control.is_valid() || sockets_.control_path.empty() || is_stopping_ ||
      !privileges_ || now < control_tried_at_ + kTryControl) {
    return;
  }
  control_tried_at_ = now;
  const std::string path = sockets_.control_path;
  const auto& account = privileges_->become;
  const auto opened =
      sockets_.open_control(path, account ? std::optional<gid_t>(account->group) : std::nullopt);
  if (!opened) {
    return;  // as was told at the start
  }
  daemon().info("control socket " + path + " is open now");
  if (Worker* const worker = find(Role::Serving)) {
    send(*worker, {MessageKind::ControlSocket, false, 0, {}}, sockets_.control.get());
  }
}

// To whoever answers smtpguardctl. An older program would not understand, and go.
void Supervisor::tell_of_draining() {
  const auto answers = [this](const Worker& worker) {
    return worker.role == Role::Serving || worker.pid == last_to_answer_;
  };
  std::vector<control::DrainingWorker> others;
  for (const Worker& worker : workers_) {
    if (worker.role == Role::Leaving && !answers(worker)) {
      others.push_back({static_cast<std::uint64_t>(worker.pid),
                        session::Ledger::open_sessions(worker.ledger).size(), time_left(worker)});
    }
  }
  if (others.empty() && !was_draining_told_) {
    return;
  }
  was_draining_told_ = !others.empty();
  for (Worker& worker : workers_) {
    if (answers(worker) && worker.is_ours && worker.channel.is_open()) {
      send(worker, {MessageKind::Draining, false, 0, to_text(others)});
    }
  }
}

// Until it is to have ended by itself.
Milliseconds Supervisor::time_left(const Worker& worker) {
  const auto left =
      std::chrono::duration_cast<Milliseconds>(worker.kill_at - kGrace - SteadyClock::now());
  return std::max(left, Milliseconds(0));
}

void Supervisor::listen_to_workers() {
  for (Worker& worker : workers_) {
    hear(worker);
  }
  if (check_) {
    read_check();
  }
}

void Supervisor::hear(Worker& worker) {
  for (int i = 0; i < kMostMessages && worker.channel.is_open(); ++i) {
    Channel::Received received = worker.channel.receive();
    switch (received.state) {
      case State::Nothing:
        return;
      case State::Closed:
        worker.channel.close();  // its end is told by the system
        return;
      case State::Bad:
        daemon().warning(fmt::format("from worker {}: {}", worker.pid, received.trouble));
        break;
      case State::Message:
        obey(worker, received);
        break;
    }
  }
}

void Supervisor::obey(Worker& worker, Channel::Received& received) {
  const Message& message = received.message;
  switch (message.kind) {
    case MessageKind::Ready:
      if (worker.role == Role::Starting) {
        on_ready(worker, message.text);
      }
      return;
    case MessageKind::Outcome:
      if (reload_ && reload_->worker == worker.pid) {
        finish_reload(message);
      } else if (!message.flag) {
        worker.trouble = message.text;
      }
      return;
    case MessageKind::Order:
      carry_out(message.text, {worker.pid, message.tag});
      return;
    case MessageKind::SyslogWanted:
      send_syslog(worker);
      return;
    case MessageKind::Alive:
      worker.alive_at = SteadyClock::now();
      return;
    default:
      daemon().warning(fmt::format("worker {} sends what only we may send", worker.pid));
  }
}

void Supervisor::carry_out(const std::string& order, const Asker& asker) {
  const auto request = control::parse_request(order);
  if (!request) {
    answer(asker, request.error());
    return;
  }
  switch (request->command) {
    case control::Command::Reload:
      reload(asker);
      return;
    case control::Command::Upgrade:
      upgrade(asker);
      return;
    case control::Command::Drain:
      answer(asker, {boost::system::in_place_value, "draining"});
      stop_gently();
      return;
    case control::Command::Stop:
      answer(asker, {boost::system::in_place_value, "stopping"});
      stop_now();
      return;
    case control::Command::ReopenLogs:
      answer(asker, reopen_log());
      return;
    case control::Command::Status:
    case control::Command::Sessions:
    case control::Command::ListStats:
    case control::Command::MemoryStats:
    case control::Command::MemoryShow:
    case control::Command::MemoryForget:
    case control::Command::Pass:
    case control::Command::MemoryRecall:
    case control::Command::GreylistList:
    case control::Command::CorrespondentsList:
    case control::Command::CorrespondentsImport:
    case control::Command::BlockAdd:
    case control::Command::BlockList:
    case control::Command::BlockDelete:
      answer(asker, Error{order + ": a worker knows that itself"});
  }
}

void Supervisor::answer(const Asker& asker, const Result<std::string>& outcome) {
  const std::string& text = outcome ? *outcome : outcome.error().text;
  daemon().write(outcome ? Severity::Info : Severity::Error, text.substr(0, text.find('\n')));
  Worker* const worker = asker.tag == 0 ? nullptr : find(asker.worker);
  if (worker != nullptr) {
    send(*worker, {MessageKind::Outcome, outcome.has_value(), asker.tag, text});
  }
}

// Nobody is to wait in a queue that no one serves: the ports are closed at once.
void Supervisor::stop_gently() {
  if (std::exchange(is_stopping_, true)) {
    return;
  }
  notify_service_manager("STOPPING=1");
  sockets_.listeners.clear();
  restart_at_.reset();
  if (const Worker* const serving = find(Role::Serving)) {
    last_to_answer_ = serving->pid;
  }
  const Milliseconds drain = configuration_.settings.runtime.limits.drain_timeout;
  for (Worker& worker : workers_) {
    end_by(worker, drain, kGrace, MessageKind::Drain);
  }
  if (workers_.empty()) {
    status_ = 0;
  }
}

void Supervisor::stop_now() {
  stop_gently();
  for (Worker& worker : workers_) {
    end_by(worker, 0s, kTimeToStop, MessageKind::Stop);
  }
}

void Supervisor::retire(Worker& worker) {
  const Milliseconds drain = configuration_.settings.runtime.limits.drain_timeout;
  end_by(worker, drain, kGrace, MessageKind::Retire);
}

void Supervisor::end_by(Worker& worker, Milliseconds drain, Milliseconds grace, MessageKind how) {
  worker.role = Role::Leaving;
  worker.kill_at = SteadyClock::now() + drain + grace;
  send(worker, {how, false, 0, std::to_string(drain.count())});
}

}  // namespace smtpguard::service
