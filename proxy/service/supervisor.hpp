// Supervisor — starts the worker that carries the mail, and another one when that is needed; opens
// everything for it, obeys signals and orders. Never reads a byte from the network.
// Owns: sockets, the configuration in force, the workers.   Called by: App.
// Fails: run() returns the exit status; trouble after the start is logged, and the daemon goes on.
// Files: supervisor.cpp the loop and the stop, supervisor_workers.cpp start, end and crash of
// workers, supervisor_orders.cpp reload, upgrade, log reopen.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "proxy/control/protocol.hpp"
#include "proxy/service/background.hpp"
#include "proxy/service/configuration.hpp"
#include "proxy/service/handover.hpp"
#include "proxy/service/logs.hpp"
#include "proxy/service/restart_delay.hpp"
#include "proxy/service/signals.hpp"
#include "proxy/service/sockets.hpp"
#include "proxy/service/worker_process.hpp"

namespace smtpguard::service {

// So many workers may still have sessions from before an upgrade.
inline constexpr std::size_t kMostDraining = 4;

class Supervisor {
 public:
  struct Setup {
    CommandLine line;
    std::string program;  // which an upgrade executes
    Result<Privileges> privileges = Error{"privileges: not planned"};
    Background background;
    Configuration configuration;
    Sockets sockets;
    std::optional<Handover> handover;
    std::string trouble;  // why the configuration cannot be served by a new worker; empty: it can
  };
  struct Ending {
    int status = 0;
    std::optional<WorkerSeed> worker;  // we are a new worker: let go of everything and be it
  };

  // Logs and signals outlive this.
  Supervisor(Setup setup, Logs& logs, Signals& signals);

  Ending run();

 private:
  enum class Role : std::uint8_t { Starting, Serving, Leaving };
  struct Worker {
    pid_t pid = -1;
    Channel channel;
    Descriptor ledger;
    Role role = Role::Starting;
    TimePoint since = SteadyClock::now();
    TimePoint kill_at = TimePoint::max();
    std::optional<TimePoint> alive_at;  // none: it never said so
    bool is_ours = true;                // not of the program before an upgrade
    std::string trouble;                // what it said before it ended
  };
  // Who wants to know what comes of an order.
  struct Asker {
    pid_t worker = -1;  // none: a signal
    std::uint32_t tag = 0;
  };
  struct Reload {
    Asker asker;
    pid_t worker = -1;
    TimePoint deadline;
    Configuration configuration;
    Sockets::Listeners fresh;
  };
  // The new program checks the configuration before it is trusted with everything.
  struct Check {
    Asker asker;
    pid_t pid = -1;
    Descriptor output;
    std::string said;
    TimePoint deadline;
  };

  // The loop.
  void wait();
  int patience() const;
  void heed_signals();
  void heed_deadlines();
  void listen_to_workers();
  void hear(Worker& worker);
  void obey(Worker& worker, Channel::Received& received);
  void carry_out(const std::string& order, const Asker& asker);
  // Of several lines the log gets the first: it has the others already.
  void answer(const Asker& asker, const Result<std::string>& outcome);
  void watch_workers(TimePoint now);
  void open_control_later(TimePoint now);
  void tell_of_draining();
  static Milliseconds time_left(const Worker& worker);
  void stop_gently();
  void stop_now();
  void adopt(const Handover& handover);

  // Workers.
  void start_worker();
  Result<void> prepare_worker();
  void supply(Worker& worker);
  void send(Worker& worker, const Message& message, int descriptor = -1);
  void send_syslog(Worker& worker);
  void on_ready(Worker& worker, const std::string& confinement);
  void announce();
  void retire(Worker& worker);
  // It is killed `grace` after its time to drain.
  void end_by(Worker& worker, Milliseconds drain, Milliseconds grace, MessageKind how);
  void reap();
  void bury();
  void on_exit(std::list<Worker>::iterator worker, int status);
  void name_lost_sessions(const Worker& worker);
  void schedule_restart(Milliseconds lived);
  const Worker* find(Role role) const;
  Worker* find(Role role);
  Worker* find(pid_t pid);
  std::size_t draining() const;

  // Orders.
  void reload(const Asker& asker);
  void finish_reload(const Message& outcome);
  void take_over_reload();
  void fail_reload(const std::string& why);
  bool is_busy() const;
  void upgrade(const Asker& asker);
  void read_check();
  void finish_check(int status);
  void execute_program(const Asker& asker);
  Handover hand_over(const Asker& asker) const;
  Result<std::string> reopen_log();

  Log& daemon() { return logs_.daemon; }

  Logs& logs_;
  CommandLine line_;
  std::string program_;
  Result<Privileges> privileges_;
  Background background_;
  Configuration configuration_;
  Sockets sockets_;
  std::string trouble_;
  Signals& signals_;
  std::string started_;
  TimePoint began_ = SteadyClock::now();
  TimePoint tended_{};
  std::list<Worker> workers_;
  std::uint64_t crashes_ = 0;  // of workers
  RestartDelay restart_delay_;
  std::optional<TimePoint> restart_at_;
  std::optional<Reload> reload_;
  std::optional<Check> check_;
  Asker upgrade_asker_;  // waits for the worker of the new program
  std::uint32_t last_tag_ = 0;
  TimePoint control_tried_at_{};
  pid_t last_to_answer_ = -1;  // of the workers that end with us
  bool was_draining_told_ = false;
  bool reload_again_ = false;  // a signal came while we were busy
  bool has_served_ = false;
  bool is_stopping_ = false;
  int worst_status_ = 0;
  std::optional<int> status_;  // set: over
  std::optional<WorkerSeed> seed_;
};

}  // namespace smtpguard::service
