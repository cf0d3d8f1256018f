// Protocol — what smtpguardctl and the daemon say to each other on the control socket; pure.
// Owns: values.   Called by: ControlServer, smtpguardctl, fuzz target.
// Fails: an Error that says what was found and what is known.
//
// One request a connection: a line of words, "json" before them for programs ("status",
// "json log reopen"), with a word or a text behind some ("memory show 192.0.2.1"). The answer is a
// line "ok LENGTH" or "error LENGTH", then LENGTH octets; so an answer that was cut off is not
// taken for a whole one, and `nc -U` will do in need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "conf/base/result.hpp"

namespace smtpguard::control {

// A request with its line end.
inline constexpr std::size_t kRequestLimit = 256;

enum class Command : std::uint8_t {
  Status,
  Sessions,
  ListStats,
  Reload,
  Upgrade,
  Drain,
  Stop,
  ReopenLogs,
  MemoryStats,
  MemoryShow,    // with an address or a domain
  MemoryForget,  // the same
  Pass,          // the same
  MemoryRecall,  // "ADDRESS ORGANISATION DOMAIN yes|no": what a session would be told; "-": none
  GreylistList,
  CorrespondentsList,
  CorrespondentsImport,  // "DOMAIN" or "DOMAIN ORIGIN"
  BlockAdd,              // "NETWORK SECONDS WORDS"
  BlockList,
  BlockDelete,  // "NETWORK"
};
// As it is typed: "status", "log reopen".
std::string_view to_string(Command command);
// A word behind its own.
bool takes_argument(Command command);
// Words behind its own.
bool takes_text(Command command);

enum class Form : std::uint8_t { Text, Json };

struct Request {
  Command command = Command::Status;
  Form form = Form::Text;
  std::string argument{};  // one word, or a text
  std::string asker{};     // "uid 0"; not sent: the server fills it in

  bool operator==(const Request&) const = default;
};

// `line` without its LF; a CR before that does not count.
Result<Request> parse_request(std::string_view line);
std::string to_wire(const Request& request);

struct Answer {
  bool is_ok = false;
  std::string body;

  bool operator==(const Answer&) const = default;
};

std::string to_wire(const Answer& answer);
// All that was received until the daemon closed.
Result<Answer> parse_answer(std::string_view bytes);

}  // namespace smtpguard::control
