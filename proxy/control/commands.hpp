// Commands — what smtpguardctl can ask of the daemon and have it do.
// Owns: nothing; an interface.   Called by: ControlServer; service implements it.
// Fails: an order's Error is its answer.
#pragma once

#include <functional>
#include <string>

#include "conf/base/result.hpp"
#include "proxy/control/list_reports.hpp"
#include "proxy/control/memory_report.hpp"
#include "proxy/control/protocol.hpp"
#include "proxy/control/reports.hpp"

namespace smtpguard::control {

class Commands {
 public:
  // What came of an order, in words; called once, from the event loop, at once or later.
  using Done = std::function<void(const Result<std::string>&)>;

  Commands() = default;
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;
  virtual ~Commands() = default;

  virtual StatusReport status() = 0;
  // Called once with the report, from the event loop, at once or later.
  using Shown = std::function<void(const SessionsReport&)>;
  virtual void sessions(Shown shown) = 0;
  // memory stats, memory show, memory forget, pass: what is known now, or what was changed.
  virtual Result<MemoryReport> memory(const Request& request) = 0;
  virtual ListsReport lists() = 0;
  // reload, upgrade, drain, stop, log reopen.
  virtual void carry_out(Command order, Done done) = 0;
};

}  // namespace smtpguard::control
