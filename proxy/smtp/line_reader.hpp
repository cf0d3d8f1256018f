// LineReader — cuts a byte stream into SMTP command lines.
// Owns: at most `limit` bytes of one unfinished line.   Called by: ServerDialog, fuzz target.
// Fails: an over-long line is reported once, after its end, and the stream stays in step.
// RFC 5321 4.5.3.1.4 (line length), 2.3.8 (line ends); a bare LF is reported, never repaired.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace smtpguard::smtp {

// RFC 5321 asks for 512 plus what extensions add (DSN about 1,100); Postfix allows 2,048.
inline constexpr std::size_t kCommandLineLimit = 2048;
// A "line" that is longer than this without an end is no line any more: close (421).
inline constexpr std::size_t kHopelessLine = 65536;

struct Line {
  // Without its line end. Valid until the next call of next() and as long as the input lives.
  std::string_view text;
  bool bare_lf = false;   // ended by LF alone: to be answered, never executed
  bool overlong = false;  // text holds only the first `limit` bytes

  bool operator==(const Line&) const = default;
};

class LineReader {
 public:
  explicit LineReader(std::size_t limit = kCommandLineLimit) : limit_(limit) {}

  // Takes one line and its end from the front of `input`. Without a line end in it all of `input`
  // is taken, and nothing returned. A CR that is not followed by LF is part of the text. The memory
  // of a line that came in pieces is given back by the next call, so call until nothing is
  // returned.
  std::optional<Line> next(std::string_view& input);

  // Bytes of the unfinished line so far, those thrown away included.
  std::size_t unfinished() const { return length_; }
  bool is_hopeless() const { return length_ > kHopelessLine; }
  // What is kept of the unfinished line (for the log).
  std::string_view kept() const { return kept_; }
  // Forgets the unfinished line.
  void reset();

 private:
  std::size_t limit_;
  std::size_t length_ = 0;
  bool ended_with_cr_ = false;
  std::string kept_;
  std::string line_;  // backs the text of a line that came in pieces
};

}  // namespace smtpguard::smtp
