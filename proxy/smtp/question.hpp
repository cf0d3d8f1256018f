// Question — what ServerDialog wants to know of the backend, and ClientDialog asks it.
// Owns: a copy of the command for MAIL and RCPT.   Called by: both dialogs, Session, Backend.
// Fails: never.
#pragma once

#include <cstdint>

#include "proxy/smtp/command.hpp"

namespace smtpguard::smtp {

struct Question {
  enum class Kind : std::uint8_t {
    Learn,  // only say hello: what can this backend do
    Mail,
    Rcpt,
    Data,
    EndOfData,  // the body was written; the end of data and its answer are due
    Rset,
  };
  Kind kind = Kind::Learn;
  Command command;  // Mail, Rcpt

  bool operator==(const Question&) const = default;
};

}  // namespace smtpguard::smtp
