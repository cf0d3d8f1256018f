// Orders: reload, upgrade, log reopen. Each is checked first, and changes nothing if it fails.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "conf/base/anonymous_file.hpp"
#include "conf/base/escape.hpp"
#include "proxy/service/notify.hpp"
#include "proxy/service/supervisor.hpp"

namespace smtpguard::service {
namespace {

using namespace std::chrono_literals;

// For a worker to take over a configuration, with the largest of lists.
constexpr Milliseconds kTimeToApply = 40s;
constexpr Milliseconds kTimeToCheck = 40s;
constexpr std::size_t kMostSaid = 4000;  // octets of a check's output

// What a worker has from its start to its end.
std::string sealed_changes(const StaticConfig& before, const StaticConfig& now) {
  std::string changed;
  const auto note = [&](bool differs, std::string_view name) {
    if (differs) {
      changed += changed.empty() ? "" : ", ";
      changed += name;
    }
  };
  note(before.log.syslog != now.log.syslog || before.log.file != now.log.file ||
           before.log.file_format != now.log.file_format,
       "[log]");
  note(before.control.socket != now.control.socket, "[control]");
  note(before.dns.servers != now.dns.servers, "[dns] servers");
  note(before.event_loops != now.event_loops, "event_loops");
  return changed;
}

// Of what a check printed: warnings and hints are no reason.
std::string first_error(std::string_view said) {
  while (said.starts_with("warning: ") || said.starts_with("hint: ")) {
    const auto end = said.find('\n');
    said.remove_prefix(end == std::string_view::npos ? said.size() : end + 1);
  }
  return std::string(said.substr(0, said.find('\n')));
}

}  // namespace

bool Supervisor::is_busy() const {
  return reload_ || check_ || is_stopping_ || find(Role::Starting) != nullptr;
}

void Supervisor::reload(const Asker& asker) {
  Worker* const worker = find(Role::Serving);
  if (is_busy() && asker.tag == 0 && !is_stopping_) {
    reload_again_ = true;  // who sends a signal hears no answer, and does not come again
    daemon().info("reload: follows when the daemon is less busy");
    return;
  }
  if (is_busy()) {
    answer(asker, Error{"reload: not now: the daemon is busy with a start, a stop, a reload or an "
                        "upgrade"});
    return;
  }
  notify_reloading();
  Configuration configuration = load_configuration(line_.file);
  if (!configuration.ok()) {
    for (const std::string& error : configuration.errors) {
      daemon().error("reload: " + error);
    }
    notify_service_manager("READY=1");
    answer(asker, Error{fmt::format(
                      "reload: nothing is changed, the configuration has {} error{}\n{}",
                      configuration.errors.size(), configuration.errors.size() == 1 ? "" : "s",
                      fmt::join(configuration.errors, "\n"))});
    return;
  }
  auto fresh = sockets_.bind_missing(configuration.settings.fixed.listeners);
  const auto files = make_anonymous_file(configuration.files);
  if (!fresh || !files) {
    notify_service_manager("READY=1");
    answer(asker, Error{"reload: nothing is changed: " +
                        (fresh ? files.error().text : fresh.error().text)});
    return;
  }
  reload_ = Reload{asker, -1, SteadyClock::now() + kTimeToApply, std::move(configuration),
                   std::move(*fresh)};
  if (worker == nullptr) {
    take_over_reload();  // the next worker starts with it
    restart_at_ = SteadyClock::now();
    return;
  }
  reload_->worker = worker->pid;
  send(*worker, {MessageKind::Files, false, 0, {}}, files->get());
  for (const auto& [address, socket] : reload_->fresh) {
    send(*worker, {MessageKind::Listener, false, 0, address}, socket.get());
  }
  send(*worker, {MessageKind::Apply, false, ++last_tag_, {}});
}

void Supervisor::finish_reload(const Message& outcome) {
  if (outcome.tag != last_tag_) {
    return;  // of one that was given up
  }
  if (!outcome.flag) {
    fail_reload(outcome.text);
    return;
  }
  take_over_reload();
}

void Supervisor::take_over_reload() {
  Reload done = std::move(*reload_);
  reload_.reset();
  const std::string sealed =
      sealed_changes(configuration_.settings.fixed, done.configuration.settings.fixed);
  // What a worker cannot change is kept as it is, for the next comparison as well.
  const StaticConfig before = std::move(configuration_.settings.fixed);
  configuration_ = std::move(done.configuration);
  configuration_.settings.fixed.log = before.log;
  configuration_.settings.fixed.control = before.control;
  configuration_.settings.fixed.dns = before.dns;
  configuration_.settings.fixed.event_loops = before.event_loops;
  sockets_.listeners.merge(done.fresh);
  sockets_.keep_only(configuration_.settings.fixed.listeners);
  announce();
  notify_service_manager("READY=1");
  std::string text = "reloaded " + line_.file;
  if (!sealed.empty()) {
    const std::string later =
        sealed + ": changes take effect with smtpguardctl upgrade or a restart";
    daemon().warning(later);
    text += "\nwarning: " + later;
  }
  for (const std::string& warning : configuration_.settings.warnings) {
    text += "\nwarning: " + warning;
  }
  answer(done.asker, {boost::system::in_place_value, std::move(text)});
}

void Supervisor::fail_reload(const std::string& why) {
  const Asker asker = reload_->asker;
  reload_.reset();
  ++last_tag_;
  notify_service_manager("READY=1");
  answer(asker, Error{"reload: nothing is changed: " + escape(why)});
}

Result<std::string> Supervisor::reopen_log() {
  const session::LogSettings& settings = configuration_.settings.fixed.log;
  const auto file = logs_.reopen(settings);
  if (!file) {
    return file.error();
  }
  for (Worker& worker : workers_) {
    send(worker, {MessageKind::LogFile, false, 0, {}}, file->get());
  }
  return {boost::system::in_place_value, "reopened " + settings.file};
}

void Supervisor::upgrade(const Asker& asker) {
  if (is_busy() || find(Role::Serving) == nullptr) {
    answer(asker, Error{"upgrade: not now: the daemon is busy with a start, a stop, a reload or an "
                        "upgrade"});
    return;
  }
  if (draining() >= kMostDraining) {
    answer(asker, Error{fmt::format("upgrade: not now: {} workers of earlier ones still have "
                                    "sessions; each has at most drain_timeout",
                                    draining())});
    return;
  }
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) {
    answer(asker, Error{"upgrade: pipe: " + std::generic_category().message(errno)});
    return;
  }
  Descriptor output(ends[0]);
  const Descriptor said(ends[1]);
  ::fcntl(output.get(), F_SETFD, FD_CLOEXEC);
  ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(said.get(), F_SETFD, FD_CLOEXEC);
  const std::array<const char*, 5> arguments{program_.c_str(), "-n", "-f", line_.file.c_str(),
                                             nullptr};
  const pid_t pid = ::fork();
  if (pid < 0) {
    answer(asker, Error{"upgrade: fork: " + std::generic_category().message(errno)});
    return;
  }
  if (pid == 0) {
    ::dup2(said.get(), STDERR_FILENO);
    ::setenv(kHandoverFormatVariable, kHandoverFormat.data(), 1);
    Signals::unblock_all();
    // execv takes what it does not change without const, for C's sake.
    ::execv(arguments[0], const_cast<char* const*>(arguments.data()));
    const std::string why = program_ + ": " + std::generic_category().message(errno);
    [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, why.data(), why.size());
    ::_exit(1);
  }
  check_ = Check{asker, pid, std::move(output), {}, SteadyClock::now() + kTimeToCheck};
}

void Supervisor::read_check() {
  std::array<char, 1024> part{};
  while (check_->output.is_valid()) {
    const ssize_t count = ::read(check_->output.get(), part.data(), part.size());
    if (count == 0) {
      check_->output.close();
    }
    if (count <= 0) {
      return;
    }
    check_->said.append(part.data(), static_cast<std::size_t>(count));
    check_->said.resize(std::min(check_->said.size(), kMostSaid));
  }
}

void Supervisor::finish_check(int status) {
  read_check();
  const Check done = std::move(*check_);
  check_.reset();
  if (is_stopping_) {
    return;
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    const std::string said = first_error(done.said);
    answer(done.asker,
           Error{fmt::format("upgrade: nothing is changed: {} does not take over: {}",
                             escape(program_),
                             said.empty() ? "it crashed, or took too long" : escape(said))});
    return;
  }
  if (is_busy() || find(Role::Serving) == nullptr) {
    answer(done.asker, Error{"upgrade: nothing is changed: the worker ended meanwhile"});
    return;
  }
  execute_program(done.asker);
}

Handover Supervisor::hand_over(const Asker& asker) const {
  Handover handover;
  handover.started = started_;
  handover.began = began_.time_since_epoch().count();
  handover.tag = asker.tag;
  for (const auto& [address, socket] : sockets_.listeners) {
    handover.listeners.push_back({socket.get(), address});
  }
  if (sockets_.control.is_valid()) {
    handover.control = {sockets_.control.get(), sockets_.control_path};
  }
  for (const Worker& worker : workers_) {
    handover.workers.push_back({worker.pid, worker.channel.descriptor(), worker.ledger.get(),
                                worker.role == Role::Serving,
                                worker.kill_at.time_since_epoch().count()});
  }
  return handover;
}

// Returns only if it fails.
void Supervisor::execute_program(const Asker& asker) {
  const Handover handover = hand_over(asker);
  const auto file = make_anonymous_file(to_text(handover));
  if (!file) {
    answer(asker, Error{"upgrade: " + file.error().text});
    return;
  }
  daemon().info("upgrade: going on with " + escape(program_));
  ::fcntl(file->get(), F_SETFD, 0);
  set_close_on_exec(handover, false);
  ::setenv(kHandoverVariable, std::to_string(file->get()).c_str(), 1);
  // Not as they were typed: in the background we are not where we were started.
  std::vector<const char*> arguments{program_.c_str()};
  if (line_.foreground) {
    arguments.push_back("-d");
  }
  if (line_.verbose) {
    arguments.push_back("-v");
  }
  arguments.insert(arguments.end(), {"-f", line_.file.c_str(), nullptr});
  ::execv(program_.c_str(), const_cast<char* const*>(arguments.data()));
  const int why = errno;
  ::unsetenv(kHandoverVariable);
  set_close_on_exec(handover, true);
  answer(asker, Error{"upgrade: " + program_ + ": " + std::generic_category().message(why)});
}

}  // namespace smtpguard::service
