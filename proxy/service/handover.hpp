// Handover — what a supervisor leaves to the program that it executes over itself: the sockets and
// the workers, by descriptor number. The process stays the same, so pid and children do.
// Owns: the descriptors, once taken.   Called by: Supervisor (leaves), App (takes).
// Fails: parse_handover() with an Error for what to_text() did not write.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/descriptor.hpp"
#include "conf/base/result.hpp"

namespace smtpguard::service {

struct Handover {
  struct Worker {
    pid_t pid = -1;
    int channel = -1;
    int ledger = -1;
    bool is_serving = false;
    std::int64_t kill_at = 0;  // steady clock

    bool operator==(const Worker&) const = default;
  };
  struct Socket {
    int number = -1;
    std::string name;  // address or path

    bool operator==(const Socket&) const = default;
  };

  std::string started;     // UTC
  std::int64_t began = 0;  // steady clock
  std::uint32_t tag = 0;   // of the order, which the serving worker waits for; 0: a signal
  std::vector<Socket> listeners;
  std::optional<Socket> control;
  std::vector<Worker> workers;

  bool operator==(const Handover&) const = default;
};

std::string to_text(const Handover& handover);
Result<Handover> parse_handover(std::string_view text);

// What to_text() writes, by name. The check of a new program is told it by the environment: one
// that does not know it must not be executed over us.
inline constexpr std::string_view kHandoverFormat = "smtpguard handover 1";
inline constexpr const char* kHandoverFormatVariable = "SMTPGUARD_HANDOVER_FORMAT";
// Empty: nobody asks, or it is ours; else what is wrong.
std::string trouble_with_handover_format();

// The file goes by the environment. Nothing: we were started by somebody else.
inline constexpr const char* kHandoverVariable = "SMTPGUARD_HANDOVER";
std::optional<Result<Handover>> take_handover();
// All descriptors of it; closed by exec, or not.
void set_close_on_exec(const Handover& handover, bool closes);

}  // namespace smtpguard::service
