// DaemonMemory — what the running daemon remembers of an imagined client, as it would tell a
// session. Owns: the place of its socket.   Called by: smtpguardctl test.   Fails: never; without a
// daemon the client is a stranger, and the report says so.
#pragma once

#include <string>
#include <utility>

#include "filters/finding.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::tools {

class DaemonMemory {
 public:
  // Empty: there is none.
  explicit DaemonMemory(std::string socket) : socket_(std::move(socket)) {}

  // Fills `facts` with what is remembered; in words what that is, or why it is nothing.
  // `findings` are those of the whole chain.
  std::string recall(filters::SessionFacts& facts, const filters::Findings& findings) const;

 private:
  std::string socket_;
};

}  // namespace smtpguard::tools
