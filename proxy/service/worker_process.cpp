#include "proxy/service/worker_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <charconv>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/base/anonymous_file.hpp"
#include "dns/keyed_hash.hpp"
#include "filters/memory/memory.hpp"
#include "proxy/control/server.hpp"
#include "proxy/control/words.hpp"
#include "proxy/service/background.hpp"
#include "proxy/service/configuration.hpp"
#include "proxy/service/daemon_commands.hpp"
#include "proxy/service/draining.hpp"
#include "proxy/service/heartbeat.hpp"
#include "proxy/service/log_care.hpp"
#include "proxy/service/logs.hpp"
#include "proxy/service/memory_care.hpp"
#include "proxy/service/process_title.hpp"
#include "proxy/service/sandbox.hpp"
#include "proxy/service/settings.hpp"
#include "proxy/service/supplies.hpp"
#include "proxy/session/worker.hpp"

namespace smtpguard::service {
namespace {

using Watch = net::asio::posix::basic_stream_descriptor<net::Executor>;
using State = Channel::Received::State;

// Descriptors that are not sessions: logs, listeners, clients that hear 421; and of each event loop
// the loop itself and its questions to the name servers.
constexpr std::uint64_t kDescriptorReserve = 48;
constexpr std::uint64_t kDescriptorsOfLoop = 16;

// Once: the sandbox takes this away.
void raise_descriptor_limit() {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
  }
}

// So many clients as descriptors allow; told when that is fewer than configured.
void fit_connections(session::LimitSettings& limits, std::size_t event_loops, Log& log) {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0 || descriptors.rlim_cur == RLIM_INFINITY) {
    return;
  }
  const std::uint64_t available = descriptors.rlim_cur;
  const std::uint64_t kept = kDescriptorReserve + kDescriptorsOfLoop * event_loops;
  limits.descriptors = available > kept ? available - kept : 1;
  if (limits.connections > limits.descriptors) {
    log.warning(
        fmt::format("limits.connections is {}, but {} descriptors allow only {}, fewer with each "
                    "that has a backend; raise the limit of open files",
                    limits.connections, available, limits.descriptors));
    limits.connections = static_cast<std::uint32_t>(limits.descriptors);
  }
}

// Signals that a terminal or an administrator sends to the whole family are the supervisor's.
void leave_signals_to_supervisor() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE}) {
    std::signal(number, SIG_IGN);
  }
  std::signal(SIGCHLD, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

Result<LoadedSettings> settings_from(const Supplies& supplies, const std::string& path) {
  const auto bytes = read_all(supplies.files, kBundleLimit);
  if (!bytes) {
    return bytes.error();
  }
  auto bundle = conf::FileBundle::from_bytes(*bytes);
  if (!bundle) {
    return bundle.error();
  }
  LoadedSettings loaded = load_settings(path, *bundle);
  if (!loaded.ok()) {
    return Error{loaded.errors.front()};
  }
  return loaded;
}

// Until everything is there. False: the supervisor has gone.
bool receive_supplies(Channel& channel, Supplies& supplies) {
  while (true) {
    Channel::Received received = channel.receive();
    if (received.state == State::Nothing) {
      pollfd wanted{channel.descriptor(), POLLIN, 0};
      ::poll(&wanted, 1, -1);
    } else if (received.state == State::Closed) {
      return false;
    } else if (received.message.kind == MessageKind::Apply) {
      return true;
    } else {
      supplies.take(received);
    }
  }
}

constexpr const char* kMemoryFile = "memory.sqlite";

// Where the worker may keep files once it has given up its privileges; empty: nowhere.
std::string memory_folder(const Privileges& privileges, const filters::memory::Settings& settings) {
  if (!settings.is_enabled) {
    return {};
  }
  return privileges.root_directory.empty() ? settings.folder : "/";
}

// The running worker.
class WorkerProcess {
 public:
  WorkerProcess(WorkerSeed& seed, Logs& logs, Settings settings, session::Ledger& ledger)
      : seed_(seed),
        logs_(logs),
        event_loops_(settings.fixed.event_loops),
        memory_(settings.runtime.memory, dns::KeyedHash::random()),
        session_log_(logs.text, logs.json, logs.daemon, settings.runtime.log_events),
        worker_({session_log_, &memory_, &ledger}, adapt(settings.runtime), settings.fixed.dns,
                event_loops_),
        commands_(worker_, memory_, session_log_, logs.text, logs.json,
                  {seed.line.file, seed.supervisor, seed.started, utc_timestamp(), seed.began,
                   seed.crashes},
                  [this](control::Command order, const control::Commands::Done& done) {
                    pass_on(order, done);
                  }),
        watch_(worker_.io().get_executor()) {}

  // `folder` as this process sees it; empty: nothing is kept.
  void keep_memory_in(const std::string& folder) {
    if (!folder.empty()) {
      memory_.keep_in(folder + (folder.ends_with('/') ? "" : "/") + kMemoryFile);
    }
  }

  Result<void> listen(const std::vector<session::ListenerSettings>& listeners, Supplies& supplies) {
    for (const session::ListenerSettings& listener : listeners) {
      Descriptor socket = supplies.take_listener(listener.address.to_string());
      if (!socket.is_valid()) {
        return no_socket_for(listener);
      }
      worker_.listen(std::make_shared<const session::ListenerSettings>(listener),
                     std::move(socket));
    }
    if (supplies.control.is_valid()) {
      answer_at(std::move(supplies.control));
    }
    return boost::system::in_place_value;
  }

  int run() {
    watch_.assign(::fcntl(seed_.channel.descriptor(), F_DUPFD_CLOEXEC, 0));
    wait_for_message();
    LogCare log_care(worker_.io(), worker_.wheel(), logs_, [this] {
      tell({MessageKind::SyslogWanted, false, 0, {}});
    });
    const Heartbeat heartbeat(worker_.wheel(), seed_.channel, [this] { return worker_.turns(); });
    memory_.start();
    const MemoryCare memory_care(worker_.wheel(), memory_, logs_.daemon);
    worker_.learn_capabilities();
    worker_.run();
    memory_.stop();
    log_care.tell_of_refused_calls();
    return 0;
  }

 private:
  static Error no_socket_for(const session::ListenerSettings& listener) {
    return Error{"no socket came for the listener " + listener.address.to_string()};
  }

  std::shared_ptr<const session::RuntimeConfig> adapt(session::RuntimeConfig config) {
    fit_connections(config.limits, event_loops_, logs_.daemon);
    return std::make_shared<const session::RuntimeConfig>(std::move(config));
  }

  void tell(const Message& message) {
    const auto sent = seed_.channel.send(message);
    if (!sent) {
      logs_.daemon.warning(sent.error().text);
    }
  }

  void wait_for_message() {
    watch_.async_wait(Watch::wait_read, [this](const net::ErrorCode& error) {
      if (error) {
        return;
      }
      wait_for_message();  // before an exception could leave us deaf
      if (!receive_all()) {
        watch_.cancel();
      }
    });
  }

  // False: there is nobody any more.
  bool receive_all() {
    while (true) {
      Channel::Received received = seed_.channel.receive();
      switch (received.state) {
        case State::Nothing:
          return true;
        case State::Closed:
          logs_.daemon.error(fmt::format("the supervisor has gone: {} may end, then we do",
                                         control::many(worker_.sessions(), "session")));
          close_control();
          worker_.stop_gently();
          return false;
        case State::Bad:
          // A supervisor of another version: a worker of its own takes over.
          logs_.daemon.warning("from the supervisor: " + received.trouble);
          worker_.retire();
          break;
        case State::Message:
          obey(received);
          break;
      }
    }
  }

  void obey(Channel::Received& received) {
    const Message& message = received.message;
    switch (message.kind) {
      case MessageKind::LogFile:
        logs_.replace(LogSink::Kind::File, received.descriptor);
        return;
      case MessageKind::Syslog:
        logs_.replace(LogSink::Kind::Syslog, received.descriptor);
        return;
      case MessageKind::ControlSocket:  // it could not be opened before
        answer_at(std::move(received.descriptor));
        return;
      case MessageKind::Draining:
        commands_.know_draining(draining_from(message.text));
        return;
      case MessageKind::Apply:
        tell(outcome_of(message.tag, try_to_reload()));
        supplies_ = {};
        return;
      case MessageKind::Retire:
        close_control();
        tell_who_is_here("retiring");
        if (!worker_.is_stopping()) {
          drain_within(message.text);
        }
        worker_.retire();
        return;
      case MessageKind::Drain:
        tell_who_is_here("stopping");
        commands_.stops_since(utc_timestamp());
        drain_within(message.text);
        worker_.stop_gently();
        return;
      case MessageKind::Stop:
        tell_who_is_here("stopping at once");
        commands_.stops_since(utc_timestamp());
        worker_.stop_now();
        return;
      case MessageKind::Outcome:
        finish_order(message);
        return;
      default:
        supplies_.take(received);
    }
  }

  void answer_at(Descriptor socket) {
    if (socket.is_valid()) {
      control_.emplace(worker_.io(), worker_.wheel(), commands_, logs_.daemon, std::move(socket));
    }
  }

  // As the supervisor says, whose configuration may be newer than ours.
  void drain_within(std::string_view milliseconds) {
    Milliseconds::rep count = 0;
    const char* const end = milliseconds.data() + milliseconds.size();
    const auto [rest, error] = std::from_chars(milliseconds.data(), end, count);
    if (error == std::errc() && rest == end && count >= 0) {
      worker_.drain_within(Milliseconds(count));
    }
  }

  // Another process has it now, or wants it.
  void close_control() {
    if (control_) {
      control_->close();
    }
  }

  void tell_who_is_here(std::string_view what) {
    logs_.daemon.info(fmt::format("{}, {} and {}", what,
                                  control::many(worker_.sessions(), "session"),
                                  control::many(worker_.visitors(), "visitor")));
  }

  static Message outcome_of(std::uint32_t tag, const Result<void>& outcome) {
    return {MessageKind::Outcome, outcome.has_value(), tag,
            outcome ? std::string() : outcome.error().text};
  }

  Result<void> try_to_reload() {
    try {
      return reload();
    } catch (const std::exception& error) {
      return Error{error.what()};
    }
  }

  // All or nothing.
  Result<void> reload() {
    auto loaded = settings_from(supplies_, seed_.line.file);
    if (!loaded) {
      return loaded.error();
    }
    std::vector<session::Worker::ListenerChange> listeners;
    for (const session::ListenerSettings& listener : loaded->settings.fixed.listeners) {
      Descriptor socket = supplies_.take_listener(listener.address.to_string());
      if (!socket.is_valid() && !worker_.listens_at(listener.address)) {
        return no_socket_for(listener);
      }
      listeners.push_back(
          {std::make_shared<const session::ListenerSettings>(listener), std::move(socket)});
    }
    worker_.reconfigure(adapt(std::move(loaded->settings.runtime)), std::move(listeners));
    commands_.was_loaded(utc_timestamp());
    return boost::system::in_place_value;
  }

  void pass_on(control::Command order, const control::Commands::Done& done) {
    const std::uint32_t tag = ++last_tag_;
    orders_[tag] = done;
    tell({MessageKind::Order, false, tag, std::string(control::to_string(order))});
  }

  void finish_order(const Message& outcome) {
    const auto order = orders_.extract(outcome.tag);
    if (order.empty()) {
      return;
    }
    if (outcome.flag) {
      order.mapped()(Result<std::string>(boost::system::in_place_value, outcome.text));
    } else {
      order.mapped()(Error{outcome.text});
    }
  }

  WorkerSeed& seed_;
  Logs& logs_;
  const std::size_t event_loops_;
  filters::memory::Memory memory_;
  session::SessionLog session_log_;
  session::Worker worker_;
  DaemonCommands commands_;
  std::optional<control::ControlServer> control_;
  Watch watch_;
  Supplies supplies_;
  std::map<std::uint32_t, control::Commands::Done> orders_;
  std::uint32_t last_tag_ = 0;
};

Result<void> start_and_run(WorkerSeed& seed, Logs& logs, Supplies& supplies) {
  auto loaded = settings_from(supplies, seed.line.file);
  if (!loaded) {
    return loaded.error();
  }
  if (supplies.syslog.is_valid()) {
    logs.text.add(make_syslog_sink(std::move(supplies.syslog)));
  }
  if (supplies.log_file.is_valid()) {
    logs.add_file(std::move(supplies.log_file), loaded->settings.fixed.log.file_format);
  }
  auto ledger = session::Ledger::map(seed.ledger);
  if (!ledger) {
    return ledger.error();
  }
  raise_descriptor_limit();
  const auto listeners = loaded->settings.fixed.listeners;
  const std::string folder = memory_folder(seed.privileges, loaded->settings.runtime.memory);
  WorkerProcess process(seed, logs, std::move(loaded->settings), *ledger);
  const auto listens = process.listen(listeners, supplies);
  if (!listens) {
    return listens.error();
  }
  process.keep_memory_in(folder);
  const auto given_up = give_up_privileges(seed.privileges);
  if (!given_up) {
    return given_up.error();
  }
  const Confinement confinement = sandbox(folder);
  const std::string by = confinement.by.empty() ? "" : "; confined by " + confinement.by;
  if (!confinement.missing.empty()) {
    logs.daemon.warning("the worker's sandbox is not whole: " + confinement.missing);
  }
  const auto ready = seed.channel.send({MessageKind::Ready, false, 0, seed.privileges.text + by});
  if (!ready) {
    return ready.error();
  }
  process.run();
  return boost::system::in_place_value;
}

}  // namespace

int run_worker(WorkerSeed seed) {
  set_process_title("worker");
  leave_signals_to_supervisor();
  Supplies supplies;
  if (!receive_supplies(seed.channel, supplies)) {
    return 1;
  }
  Logs logs(seed.line.verbose ? Severity::Debug : Severity::Info);
  if (seed.line.foreground) {
    logs.text.add(make_stderr_sink());
  } else {
    let_terminal_go();  // or whoever started us would wait for its end; the supervisor speaks for
                        // us
  }
  Result<void> done = boost::system::in_place_value;
  try {
    done = start_and_run(seed, logs, supplies);
  } catch (const std::exception& error) {
    done = Error{error.what()};
  }
  if (done.has_error()) {
    [[maybe_unused]] const auto told =
        seed.channel.send({MessageKind::Outcome, false, 0, done.error().text});
    return 1;
  }
  return 0;
}

}  // namespace smtpguard::service
