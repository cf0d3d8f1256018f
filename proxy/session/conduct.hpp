// Conduct — what the bytes and bad lines of a client tell of it, written into the facts.
// Owns: nothing.   Called by: Session, before and after each line.   Fails: never. Pure.
#pragma once

#include <string>
#include <string_view>

#include "filters/session_facts.hpp"
#include "proxy/smtp/command.hpp"

namespace smtpguard::session {

// Looks for another protocol; true: one was recognised that was not known of before.
bool learn_from_bytes(std::string_view bytes, filters::Misbehaviour& seen);

// A line that was no good command.
struct BadLine {
  std::string_view text;
  smtp::Verb verb = smtp::Verb::Unknown;
  bool is_after_refused_data = false;
};
void learn_from_bad_line(const BadLine& line, filters::Misbehaviour& seen);

// The line as it may stand in a log: without what a client says to log in, or the text of a
// message.
std::string for_log(const BadLine& line, const filters::Misbehaviour& seen);

// The bytes up to what a client says to log in, with SMTP or another protocol, and up to the
// message that follows DATA.
std::string_view without_secrets(std::string_view bytes);

}  // namespace smtpguard::session
