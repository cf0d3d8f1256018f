// DaemonCommands — answers smtpguardctl from what a worker knows, and hands its orders on.
// Owns: what is told of the daemon.   Called by: ControlServer.
// Fails: never itself; an order's Error comes from whoever carries it out.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/log.hpp"
#include "filters/memory/memory.hpp"
#include "proxy/control/commands.hpp"
#include "proxy/session/worker.hpp"

namespace smtpguard::service {

class DaemonCommands final : public control::Commands {
 public:
  using Orders = std::function<void(control::Command order, Done done)>;

  struct Facts {
    std::string configuration;  // path
    std::uint64_t pid = 0;      // of the process that takes signals
    std::string started;        // UTC
    std::string loaded;         // UTC
    TimePoint began = SteadyClock::now();
    std::uint64_t crashes = 0;  // of workers before this one
  };

  // All outlive this.
  DaemonCommands(session::Worker& worker, filters::memory::Memory& memory,
                 const session::SessionLog& log, const Log& text, const Log& json, Facts facts,
                 Orders orders)
      : worker_(worker),
        memory_(memory),
        log_(log),
        text_(text),
        json_(json),
        facts_(std::move(facts)),
        orders_(std::move(orders)) {}

  // A reload was taken over.
  void was_loaded(std::string utc) { facts_.loaded = std::move(utc); }
  void stops_since(std::string utc) { stopping_since_ = std::move(utc); }
  // What the supervisor says of the others.
  void know_draining(std::vector<control::DrainingWorker> workers) {
    draining_ = std::move(workers);
    draining_known_at_ = SteadyClock::now();
  }

  control::StatusReport status() override;
  void sessions(Shown shown) override;
  Result<control::MemoryReport> memory(const control::Request& request) override;
  control::ListsReport lists() override;
  void carry_out(control::Command order, Done done) override { orders_(order, std::move(done)); }

 private:
  std::vector<control::DrainingWorker> draining() const;

  session::Worker& worker_;
  Result<control::MemoryReport> recall(std::string_view words);
  Result<control::MemoryReport> import_sender(std::string_view line);
  Result<control::MemoryReport> block(const control::Request& request);

  filters::memory::Memory& memory_;
  const session::SessionLog& log_;
  const Log& text_;
  const Log& json_;
  Facts facts_;
  std::string stopping_since_;
  std::vector<control::DrainingWorker> draining_;
  TimePoint draining_known_at_{};
  Orders orders_;
  const std::string worker_since_ = utc_timestamp();
};

}  // namespace smtpguard::service
