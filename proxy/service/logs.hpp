// Logs — the logs of one process: sessions in text, sessions in JSON, and lines about the daemon,
// which go wherever those of sessions go, in the same form.
// Owns: the three.   Called by: App (supervisor), WorkerProcess.
// Fails: open() with the Error of the log file.
#pragma once

#include <functional>
#include <string>

#include "conf/base/descriptor.hpp"
#include "conf/base/log.hpp"
#include "conf/base/result.hpp"
#include "proxy/session/settings.hpp"

namespace smtpguard::service {

struct Logs {
  explicit Logs(Severity least);

  // By path: for a process that may open them. In the foreground standard error stands in for
  // syslog.
  Result<void> open(const session::LogSettings& settings, bool foreground);
  // The file anew, after it was moved away: the descriptor is in use here already.
  Result<Descriptor> reopen(const session::LogSettings& settings);
  void add_file(Descriptor file, session::LogSettings::Format format);
  bool replace(LogSink::Kind kind, const Descriptor& descriptor);
  // Whether syslog is lost until a new socket comes.
  bool lacks_syslog();
  void tend();
  // As Log::gather() and Log::flush(), of all.
  void gather(const std::function<void()>& soon);
  void flush() noexcept;

  Log text;
  Log json;
  Log daemon;
};

}  // namespace smtpguard::service
