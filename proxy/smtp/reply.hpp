// Reply — an SMTP reply as a value; and ReplyReader, which reads the backend's strictly.
// Owns: its lines.   Called by: ServerDialog (ours), ClientDialog (the backend's), fuzz target.
// Fails: ReplyReader returns an Error for anything that is not a reply of RFC 5321 4.2; the
// connection is then out of step and must be closed. Backend bytes never reach a client as they
// came: only code, enhanced code and cleaned text are kept and written anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"

namespace smtpguard::smtp {

struct Reply {
  std::uint16_t code = 0;
  std::string enhanced;            // "5.7.1" or empty (RFC 3463)
  std::vector<std::string> lines;  // text without codes; at least one, perhaps empty

  bool is_positive() const { return code >= 200 && code < 400; }
  bool is_temporary_failure() const { return code >= 400 && code < 500; }
  bool is_permanent_failure() const { return code >= 500; }
  // "250-a\r\n250 b\r\n"; the enhanced code stands on each line (RFC 2034 4). Text is cut so that a
  // line has at most 510 octets and its end; bytes that are not printable ASCII or UTF-8 become
  // '?'.
  std::string to_wire() const;
  // "550 5.7.1 text" of the first line, for logs (to be escaped there).
  std::string summary() const;

  bool operator==(const Reply&) const = default;
};

Reply make_reply(std::uint16_t code, std::string_view enhanced, std::string_view text);

inline constexpr std::size_t kReplyLineLimit = 2048;  // octets accepted; what is kept is cut to 510
inline constexpr std::size_t kReplyLinesLimit = 128;  // an EHLO answer has about 15

class ReplyReader {
 public:
  // Takes bytes up to the end of one reply from the front of `input`; nothing if it is not whole
  // yet. Strict: three digits 2xx to 5xx, then space, hyphen or line end; one code on all lines;
  // CRLF (a bare LF ends a line as well: old backends; a bare CR or NUL is an error); bounded
  // lines. After an Error all input is thrown away, and the same Error is said again: there is no
  // way back into step.
  std::optional<Result<Reply>> next(std::string_view& input);
  // A reply has begun and is not whole.
  bool is_midway() const { return !line_.empty() || !reply_.lines.empty(); }

 private:
  std::optional<Error> take_line(std::string_view line);

  std::string line_;  // an unfinished line; no heap is kept between replies
  Reply reply_;
  bool last_line_seen_ = false;
  std::optional<Error> failed_;
};

}  // namespace smtpguard::smtp
