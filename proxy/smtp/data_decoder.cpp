#include "proxy/smtp/data_decoder.hpp"

#include <algorithm>

namespace smtpguard::smtp {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
// A line that is a dot alone, and text all the same, because a bare LF stands before or behind it.
constexpr std::string_view kDot = ".";

bool is_eight_bit(char c) {
  return static_cast<unsigned char>(c) > 0x7F;
}

BodyPiece text_piece(std::string_view text, bool ends_line) {
  BodyPiece piece;
  piece.kind = BodyPiece::Kind::Text;
  piece.text = text;
  piece.ends_line = ends_line;
  return piece;
}

BodyPiece end_piece() {
  BodyPiece piece;
  piece.kind = BodyPiece::Kind::End;
  return piece;
}

}  // namespace

std::string_view to_string(BodyFault fault) {
  switch (fault) {
    case BodyFault::None:
      return "no fault in message";
    case BodyFault::BareCr:
      return "bare CR in message";
    case BodyFault::BareLf:
      return "bare LF in message";
    case BodyFault::Nul:
      return "NUL in message";
    case BodyFault::LineTooLong:
      return "line too long in message";
    case BodyFault::EightBit:
      return "8-bit text without BODY=8BITMIME in message";
  }
  return "unknown fault in message";
}

BodyPiece DataDecoder::next(std::string_view& input) {
  if (state_ == State::Done) {
    return end_piece();
  }
  if (fault_ != BodyFault::None) {
    return seek_end(input);
  }
  while (!input.empty()) {
    switch (state_) {
      case State::LineStart:
        line_length_ = 0;
        if (const std::string_view lines = plain_lines(input); !lines.empty()) {
          return take_lines(input, lines);
        }
        if (input.front() != '.') {
          return take_text(input);
        }
        input.remove_prefix(1);
        state_ = State::Dot;
        break;
      case State::Dot:
        if (input.front() == '\n' && rules_.bare_lf == BareLf::Normalise) {
          input.remove_prefix(1);
          return end_line(kDot, true);
        }
        if (input.front() != '\r') {
          return take_text(input);  // the dot was stuffing
        }
        input.remove_prefix(1);
        state_ = State::DotCr;
        break;
      case State::DotCr:
        if (input.front() != '\n') {
          state_ = State::Cr;
          return fail(BodyFault::BareCr);
        }
        input.remove_prefix(1);
        if (!is_behind_crlf_) {
          return end_line(kDot, false);
        }
        state_ = State::Done;
        return end_piece();
      case State::InLine:
        return take_text(input);
      case State::Cr:
        if (input.front() != '\n') {
          return fail(BodyFault::BareCr);
        }
        input.remove_prefix(1);
        return end_line({}, false);
      case State::Done:
        return end_piece();
    }
  }
  return {};
}

// Nearly all of nearly every message. A line is looked at for CR and LF, all of them together for
// what may not be there; of lines with a fault those before it are given, and take_text() finds it.
std::string_view DataDecoder::plain_lines(std::string_view input) const {
  std::size_t end = 0;
  while (end < input.size() && input[end] != '.') {
    const std::size_t lf = input.find('\n', end);
    if (lf == kNone) {
      break;
    }
    const std::size_t length = input.substr(end, lf - end).find('\r');
    if (length == kNone || end + length + 1 != lf || length > rules_.line_limit) {
      break;
    }
    end = lf + 1;
  }
  const std::string_view lines = input.substr(0, end);
  std::size_t fault = lines.find('\0');
  if (!rules_.allows_eight_bit) {
    const auto found = std::find_if(lines.begin(), lines.end(), is_eight_bit);
    fault = std::min(fault, static_cast<std::size_t>(found - lines.begin()));
  }
  if (fault >= lines.size()) {
    return lines;
  }
  const std::size_t last = lines.substr(0, fault).rfind('\n');
  return lines.substr(0, last == kNone ? 0 : last + 1);
}

BodyPiece DataDecoder::take_lines(std::string_view& input, std::string_view lines) {
  input.remove_prefix(lines.size());
  octets_ += lines.size();
  is_behind_crlf_ = true;
  BodyPiece piece;
  piece.kind = BodyPiece::Kind::Lines;
  piece.text = lines;
  piece.ends_line = true;
  return piece;
}

// Takes the line, or as much of it as there is. Of several faults the one that comes first in the
// stream is told, so that the answer does not depend on how the stream was cut. A fault takes
// nothing: seek_end() goes over the same bytes.
BodyPiece DataDecoder::take_text(std::string_view& input) {
  state_ = State::InLine;
  const std::size_t lf = input.find('\n');
  const std::string_view body = input.substr(0, lf);
  const std::size_t cr = body.find('\r');
  const std::string_view text = body.substr(0, cr);
  if (const BodyFault fault = find_fault(text); fault != BodyFault::None) {
    return fail(fault);
  }
  const bool cr_is_last = cr != kNone && cr + 1 == body.size();
  if (cr != kNone && !cr_is_last) {
    return fail(BodyFault::BareCr);
  }
  if (lf != kNone) {
    if (!cr_is_last && rules_.bare_lf == BareLf::Refuse) {
      return fail(BodyFault::BareLf);
    }
    input.remove_prefix(lf + 1);
    return end_line(text, !cr_is_last);
  }
  input = {};
  octets_ += text.size();
  line_length_ += text.size();
  if (cr_is_last) {
    state_ = State::Cr;  // held back: with a LF it ends the line, with anything else it is bare
    if (text.empty()) {
      return {};
    }
  }
  return text_piece(text, false);
}

BodyFault DataDecoder::find_fault(std::string_view text) const {
  const std::size_t room = rules_.line_limit - line_length_;
  const std::string_view fitting = text.substr(0, room);
  const std::size_t nul = text.substr(0, room + 1).find('\0');
  std::size_t eight_bit = kNone;
  if (!rules_.allows_eight_bit) {
    const auto first = std::find_if(fitting.begin(), fitting.end(), is_eight_bit);
    if (first != fitting.end()) {
      eight_bit = static_cast<std::size_t>(first - fitting.begin());
    }
  }
  if (eight_bit != kNone && eight_bit < nul) {
    return BodyFault::EightBit;
  }
  if (nul != kNone) {
    return BodyFault::Nul;
  }
  return text.size() > room ? BodyFault::LineTooLong : BodyFault::None;
}

BodyPiece DataDecoder::end_line(std::string_view text, bool by_bare_lf) {
  octets_ += text.size() + 2;
  normalised_ += by_bare_lf ? 1 : 0;
  is_behind_crlf_ = !by_bare_lf;
  state_ = State::LineStart;
  return text_piece(text, true);
}

// The message is refused already; all that matters is the byte sequence CR LF . CR LF.
BodyPiece DataDecoder::seek_end(std::string_view& input) {
  while (!input.empty()) {
    if (state_ == State::InLine) {
      const std::size_t lf = input.find('\n');
      const std::size_t taken = lf == kNone ? input.size() : lf + 1;
      if (lf == kNone) {
        state_ = input.back() == '\r' ? State::Cr : State::InLine;
      } else if (lf > 0 && input[lf - 1] == '\r') {
        state_ = State::LineStart;
      }
      input.remove_prefix(taken);
      octets_ += taken;
      continue;
    }
    const char c = input.front();
    input.remove_prefix(1);
    ++octets_;
    if (c == '\n' && state_ == State::DotCr) {
      state_ = State::Done;
      return end_piece();
    }
    if (c == '\n' && state_ == State::Cr) {
      state_ = State::LineStart;
    } else if (c == '\r') {
      state_ = state_ == State::Dot ? State::DotCr : State::Cr;
    } else if (c == '.' && state_ == State::LineStart) {
      state_ = State::Dot;
    } else {
      state_ = State::InLine;
    }
  }
  return {};
}

BodyPiece DataDecoder::fail(BodyFault fault) {
  fault_ = fault;
  BodyPiece piece;
  piece.kind = BodyPiece::Kind::Fault;
  piece.fault = fault;
  return piece;
}

}  // namespace smtpguard::smtp
