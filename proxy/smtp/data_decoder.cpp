#include "proxy/smtp/data_decoder.hpp"

namespace smtpguard::smtp {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

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
        if (input.front() != '.') {
          return take_text(input);
        }
        input.remove_prefix(1);
        state_ = State::Dot;
        break;
      case State::Dot:
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
        state_ = State::Done;
        return end_piece();
      case State::InLine:
        return take_text(input);
      case State::Cr:
        if (input.front() != '\n') {
          return fail(BodyFault::BareCr);
        }
        input.remove_prefix(1);
        state_ = State::LineStart;
        octets_ += 2;
        return text_piece({}, true);
      case State::Done:
        return end_piece();
    }
  }
  return {};
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
  const std::size_t nul = text.find('\0');
  const std::size_t room = line_limit_ - line_length_;
  if (nul != kNone && nul <= room) {
    return fail(BodyFault::Nul);
  }
  if (text.size() > room) {
    return fail(BodyFault::LineTooLong);
  }
  const bool cr_is_last = cr != kNone && cr + 1 == body.size();
  if (cr != kNone && !cr_is_last) {
    return fail(BodyFault::BareCr);
  }
  if (lf != kNone) {
    if (!cr_is_last) {
      return fail(BodyFault::BareLf);
    }
    input.remove_prefix(lf + 1);
    octets_ += text.size() + 2;
    state_ = State::LineStart;
    return text_piece(text, true);
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
