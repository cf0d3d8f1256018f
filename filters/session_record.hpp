// SessionRecord — what is told of a session: the events on its way and the summary at its end.
// Owns: bounded copies of what was said.   Called by: SessionLog (fills and renders it).
// Fails: never; what is over a bound is counted, not kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "conf/base/clock.hpp"

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
  BadProxy,      // a trusted front end sent no proper PROXY header
  Shutdown,      // we stopped
  Fault,         // our own trouble
};
std::string_view to_string(Ending ending);

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
  std::string backend;          // the endpoint that was used last; empty: none was opened
  std::string backend_trouble;  // the first trouble with it

  // "<address>:code"; counts what is over the bound.
  void add_recipient(std::string_view address, std::uint16_t code);
};

}  // namespace smtpguard::filters
