// SessionRecord — what is told of a session: the events on its way and the summary at its end.
// Owns: bounded copies of what was said.   Called by: SessionLog (fills and renders it).
// Fails: never; what is over a bound is counted, not kept.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/rare.hpp"
#include "filters/session_facts.hpp"
#include "filters/verdict.hpp"

namespace smtpguard::filters {

inline constexpr std::size_t kRecordedRecipients = 20;
inline constexpr std::size_t kRecordedAddressLength = 256;

// How a session ended, in one word for operators.
enum class Ending : std::uint8_t {
  Quit,          // QUIT, or an orderly end after it
  ClientClosed,  // the client closed without QUIT
  ClientReset,   // the connection broke
  Timeout,       // the client was too slow; the detail says in what
  NotReading,    // the client did not take our replies
  Abuse,         // a limit of ours: errors, commands, line length, time
  Refused,       // admission: too many connections
  Blocked,       // it is turned away for a time
  Dropped,       // the policy ended it
  TlsFailed,     // the handshake came to nothing; the detail says why
  BadProxy,      // a trusted front end sent no proper PROXY header
  Shutdown,      // we stopped
  Fault,         // our own trouble
};
std::string_view to_string(Ending ending);

struct BackendTrouble {
  std::string address;
  std::string text;
};

struct SessionRecord {
  TimePoint began{};
  Ending ending = Ending::ClientClosed;
  std::string ending_detail;  // "after RCPT", "command", ...; ours, short

  std::string sender;                   // of the last transaction
  std::vector<std::string> recipients;  // "<a@b>:250", in order, at most kRecordedRecipients
  std::uint32_t recipients_left_out = 0;
  std::uint32_t transactions = 0;
  std::uint32_t delivered = 0;  // messages that the backend took
  std::uint32_t refused = 0;    // MAIL, RCPT and messages answered 5xx
  std::uint32_t deferred = 0;   // the same answered 4xx
  std::uint32_t errors = 0;     // lines that were no good commands
  std::uint32_t commands = 0;
  std::uint64_t message_octets = 0;
  std::string tls;                       // "TLSv1.3"; empty: plaintext
  std::string asn;                       // "64500" of the client; empty: not known
  bool is_starttls_withheld = false;     // its last handshake failed
  std::uint32_t slowed = 0;              // refusals that it had to wait for
  std::string backend;                   // the endpoint that was used last; empty: none was opened
  Rare<BackendTrouble> backend_trouble;  // the last one
  // The hardest of its recipients; if none was judged, that of the client alone.
  std::unique_ptr<const Verdict> verdict;  // on the heap: most of a session none is there
  std::string verdict_about;               // whose it is, "<u@example.org>"; empty: the client's
  std::uint32_t relay_attempts = 0;        // recipients that are not ours
  std::uint32_t discarded = 0;             // messages that were accepted and thrown away
  std::uint32_t unknown_recipients = 0;    // those that the backend does not have
  bool has_earned_pass = false;            // the next session of this client need not wait

  // "<address>:code"; counts what is over the bound.
  void add_recipient(std::string_view address, std::uint16_t code);
};

// What kind of session it was, in one word for statistics and for who bans by the log.
enum class SessionClass : std::uint8_t {
  Delivered,  // at least one message
  Refused,    // recipients or messages were refused, none was delivered
  Deferred,   // the same, but it may come back
  Early,      // it talked before its turn, and came to nothing
  Abuse,      // another protocol, limits, floods
  Scanner,    // a known scanner, or one who left after our greeting or EHLO
  Probe,      // it looked at us and left without a transaction
  Timeout,    // it was silent for too long
  Monitor,    // ours: not to be banned
  Closed,     // we could not or would not serve it: too many connections, a stop, a fault
};
SessionClass classify(const SessionFacts& facts, const SessionRecord& record);
std::string_view to_string(SessionClass kind);

}  // namespace smtpguard::filters
