// DataDecoder — the one place that decides where a message ends and what its lines are.
// Owns: a few flags; never any text of the message.   Called by: the body relay, fuzz target.
// Fails: a bare CR, bare LF, NUL or an over-long line is a fault; it is reported once, and then
// only the true end of data is looked for, so that the refusal is said where the client reads it.
// RFC 5321 4.1.1.4 and 4.5.2: only CR LF . CR LF ends the data. Everything else that looks like an
// end (bare LF, CR CR LF, NUL, white space around the dot) is SMTP smuggling
// (CVE-2023-51764/51765/51766 and the proxy case of August 2026) and faults.
// BareLf::Normalise, for old devices: a bare LF ends a line of text, and still never the message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace smtpguard::smtp {

inline constexpr std::size_t kTextLineLimit = 65536;

enum class BareLf : std::uint8_t { Refuse, Normalise };

// What is taken in a message; of a listener.
struct BodyRules {
  BareLf bare_lf = BareLf::Refuse;
  bool allows_eight_bit = true;  // octets above 127, in this message
  std::size_t line_limit = kTextLineLimit;
};

enum class BodyFault : std::uint8_t { None, BareCr, BareLf, Nul, LineTooLong, EightBit };
// "bare CR in message" and so on.
std::string_view to_string(BodyFault fault);

struct BodyPiece {
  enum class Kind : std::uint8_t {
    Lines,      // whole lines that need nothing done to them, taken together because it is faster
    Text,       // a piece of a line, with its stuffing dot already taken away
    End,        // CR LF . CR LF was seen; what is left of the input is the next command
    Fault,      // the message must be refused; said once
    NeedInput,  // all input was taken
  };
  Kind kind = Kind::NeedInput;
  // Lines: a view into the input, each with its CR LF, none begun with a dot.
  // Text: a view into the input (or "."), without CR LF; may be empty.
  std::string_view text;
  bool ends_line = false;  // Text: CR LF followed it, or a bare LF that may end lines
  BodyFault fault = BodyFault::None;

  bool operator==(const BodyPiece&) const = default;
};

class DataDecoder {
 public:
  explicit DataDecoder(const BodyRules& rules = {}) : rules_(rules) {}

  // Takes bytes from the front of `input`. After a Fault only NeedInput and End follow; after End
  // nothing is taken any more and End is said again: the next message needs a new decoder.
  // A CR at the end of the input is held back until its LF is seen.
  BodyPiece next(std::string_view& input);

  // Octets of the message so far with line ends and without stuffing dots (RFC 1870 5 counts so).
  // After a fault every octet counts, so that the caller can bound how much it reads in vain.
  std::uint64_t octets() const { return octets_; }
  BodyFault fault() const { return fault_; }
  // How many lines a bare LF has ended.
  std::uint64_t normalised() const { return normalised_; }

 private:
  enum class State : std::uint8_t { LineStart, Dot, DotCr, InLine, Cr, Done };

  // As many of the next lines as need nothing done, from the start of one; may be empty.
  std::string_view plain_lines(std::string_view input) const;
  BodyPiece take_lines(std::string_view& input, std::string_view lines);
  BodyPiece take_text(std::string_view& input);
  BodyPiece end_line(std::string_view text, bool by_bare_lf);
  // The first octet of a line's text that may not be there, if it comes before the line is too
  // long.
  BodyFault find_fault(std::string_view text) const;
  BodyPiece seek_end(std::string_view& input);
  BodyPiece fail(BodyFault fault);

  BodyRules rules_;
  std::size_t line_length_ = 0;
  std::uint64_t octets_ = 0;
  std::uint64_t normalised_ = 0;
  // The line before was ended by CR LF (as DATA itself was): only then can a dot be the end.
  bool is_behind_crlf_ = true;
  State state_ = State::LineStart;
  BodyFault fault_ = BodyFault::None;
};

}  // namespace smtpguard::smtp
