// Message — what supervisor and worker say to each other; pure.
// Owns: values.   Called by: Channel, fuzz target.
// Fails: parse_message() returns an Error for what to_wire() did not write, another version of the
// protocol included: after an upgrade two versions may talk to each other.
// One datagram each, at most one descriptor beside it: "SG", version, kind, flag, tag in 4 octets,
// text. A tag joins an order and its outcome.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "conf/base/result.hpp"

namespace smtpguard::service {

inline constexpr std::uint8_t kProtocolVersion = 1;
inline constexpr std::size_t kMessageLimit = 8192;  // octets on the wire
inline constexpr std::size_t kMessageHeader = 9;

enum class MessageKind : std::uint8_t {
  // Supervisor to worker: first what it is to work with ...
  Files = 1,      // descriptor: a configuration with all its files, from file_source.hpp
  Listener,       // text: its address as the configuration has it; descriptor
  ControlSocket,  // descriptor
  LogFile,        // descriptor
  Syslog,         // descriptor, connected
  // ... then what to do.
  Apply,   // work by the Files that came; answered by Ready (the first time) or Outcome
  Retire,  // another worker serves now: no new connections, sessions go on for a time; text: its
           // milliseconds, or nothing: as the worker's own configuration says
  Drain,   // SIGTERM; text: as above
  Stop,    // SIGINT
  // Both ways.
  Outcome,  // tag; flag: done; text: what came of it
  // Worker to supervisor.
  Ready,         // text: what it is confined by
  Order,         // tag; text: a control command, "log reopen"
  SyslogWanted,  // the one that it had is dead
  Alive,         // every few seconds: the loop turns
  // Supervisor to worker, which tells who asks.
  Draining,  // text: a line for each worker that ends, "pid sessions milliseconds-left"
};
inline constexpr auto kLastMessageKind = MessageKind::Draining;

struct Message {
  MessageKind kind = MessageKind::Outcome;
  bool flag = false;
  std::uint32_t tag = 0;
  std::string text;

  bool operator==(const Message&) const = default;
};

// A text that is too long is cut.
std::string to_wire(const Message& message);
Result<Message> parse_message(std::string_view bytes);

}  // namespace smtpguard::service
