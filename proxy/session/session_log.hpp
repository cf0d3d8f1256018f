// SessionLog — tells what every session did: a line per event, and one summary line at its end.
// Owns: nothing but counts; writes to the daemon's logs.   Called by: Lobby, Session, Backend; any
// thread, one per process.
// Fails: never; lost lines are counted by Log.
// One renderer for all: key=value for people and syslog, JSON for programs; every string escaped.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "conf/base/log.hpp"
#include "conf/base/log_line.hpp"
#include "conf/base/tls_facts.hpp"
#include "filters/access.hpp"
#include "filters/memory/memory.hpp"
#include "filters/session_facts.hpp"
#include "filters/session_record.hpp"
#include "proxy/smtp/command.hpp"
#include "proxy/smtp/reply.hpp"

namespace smtpguard::session {

// Bytes that came out of turn.
struct OutOfTurn {
  std::string_view what;   // "early", "pipelining", "bare-lf"
  std::string_view after;  // the stage: "connect", "EHLO", ...
  std::string_view bytes;  // the first of them, raw
  std::size_t count = 0;
  double seconds = 0;  // since connect
};

// Of all sessions that have ended since start.
struct Totals {
  std::uint64_t ended = 0;
  std::uint64_t delivered = 0;  // messages
  std::uint64_t refused = 0;    // MAIL, RCPT and messages answered 5xx
  std::uint64_t deferred = 0;   // the same answered 4xx
};

class SessionLog {
 public:
  // `text` and `json` take the lines of sessions, each in its form, and may have no sinks; `daemon`
  // takes lines about the daemon. All outlive this.
  SessionLog(Log& text, Log& json, Log& daemon, bool events)
      : text_(text), json_(json), daemon_(daemon), events_(events) {}

  void connect(const filters::SessionFacts& facts, const filters::AccessAnswer& access,
               const Endpoint* front_end);
  // It is known good, and by what.
  void known(const filters::SessionFacts& facts);
  void early(const filters::SessionFacts& facts, const OutOfTurn& bytes);
  void helo(const filters::SessionFacts& facts, bool is_starttls_withheld);
  void tls(const filters::SessionFacts& facts, const TlsFacts& agreed);
  void tls_failed(const filters::SessionFacts& facts, std::string_view why);
  void mail(const filters::SessionFacts& facts, const smtp::Command& command,
            const smtp::Reply& reply, std::string_view reason);
  void rcpt(const filters::SessionFacts& facts, const smtp::Command& command,
            const smtp::Reply& reply, std::string_view reason);
  // Who is suspicious and was told to come back, or has.
  void greylisted(const filters::SessionFacts& facts,
                  const filters::memory::GreylistAnswer& answer);
  // Who is turned away for a time; `is_new`: from now on, for what this session has shown.
  void blocked(const filters::SessionFacts& facts, const filters::memory::Block& block,
               bool is_new);
  // What a test found, once a session; with its evidence. `is_observed`: the weight is what it
  // would have.
  void finding(const filters::SessionFacts& facts, const filters::Reason& reason,
               std::string_view policy, bool is_observed);
  struct Body {
    std::uint64_t octets;
    double seconds;
    std::uint64_t normalised;  // lines that a bare LF ended
  };
  void data(const filters::SessionFacts& facts, const Body& body, const smtp::Reply& reply,
            std::string_view reason);
  // A reply of 4xx or 5xx to anything else. `said`: the client's line; null where we spoke unasked.
  void reply(const filters::SessionFacts& facts, const std::string* said, const smtp::Reply& reply);
  // Trouble with the backend, in words.
  void backend(const filters::SessionFacts& facts, std::string_view address,
               std::string_view trouble);
  // What is said on the other leg, without the text of messages; only with -v.
  void backend_dialogue(std::string_view session_id, std::string_view direction,
                        std::string_view bytes);
  // The end event and the summary.
  void end(const filters::SessionFacts& facts, const filters::SessionRecord& record, TimePoint now);

  // An exception ended `what`; counted. Never throws: memory may be what has run out.
  void crash(std::string_view what, const char* why) noexcept;
  std::uint64_t crashes() const { return crashes_; }
  Totals totals() const;

  // Whether there is a line per event, or the summaries alone.
  void tell_events(bool events) { events_ = events; }

  // A line about the daemon.
  Log& daemon() { return daemon_; }

 private:
  // Calls fill(LogLine&) once for each form that somebody listens to.
  template <typename Fill>
  void write(Severity severity, const filters::SessionFacts& facts, std::string_view event,
             const Fill& fill);

  void count(const filters::SessionRecord& record);

  // Of monitors, which come every few seconds, and of known noise the summary is enough.
  bool tells_events_of(const filters::SessionFacts& facts) const {
    return events_ && !facts.is_monitor && !facts.is_quiet;
  }

  Log& text_;
  Log& json_;
  Log& daemon_;
  std::atomic<bool> events_;
  std::atomic<std::uint64_t> crashes_ = 0;
  mutable std::mutex counting_;  // of what follows
  Totals totals_;
};

}  // namespace smtpguard::session
