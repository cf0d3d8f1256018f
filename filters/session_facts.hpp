// SessionFacts — what is known of a session while it goes on; what filters and policy judge by.
// Owns: values.   Called by: Lobby and Session (fill it), policy (reads it).   Fails: never.
// Only what was seen stands here; what is told of a session stands in session_record.hpp.
#pragma once

#include <cstdint>
#include <string>

#include "conf/base/ip_address.hpp"
#include "filters/access.hpp"

namespace smtpguard::filters {

// How often the client spoke when it was not its turn, and how.
struct Misbehaviour {
  std::uint32_t early = 0;       // bytes before the greeting was over
  std::uint32_t pipelining = 0;  // a command before the reply to the one before it, not offered
  std::uint32_t bare_lf = 0;     // command lines ended by LF alone
};

struct SessionFacts {
  std::string id;
  Endpoint client;
  Endpoint listener;
  AccessAnswer access;
  std::string helo;
  bool is_esmtp = false;
  Misbehaviour misbehaviour;
};

}  // namespace smtpguard::filters
