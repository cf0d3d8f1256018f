// SmugglingOracle — how many messages would this and that backend see in what we wrote to it?
// Called by: tests and fuzz target of DataDecoder and DataEncoder. Written apart from them, slowly
// and plainly: it is the second opinion. The lax readers are those that SMTP smuggling lived on
// (CVE-2023-51764/51765/51766, and NUL stripping, and runs of CR taken as one line end). If each
// counts as a strict one does, nothing is hidden in the text.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/smtp/data_decoder.hpp"
#include "proxy/smtp/data_encoder.hpp"

namespace smtpguard::test {

struct Laxness {
  std::string_view name;
  bool lf_ends_lines = false;  // beside CR LF
  bool cr_ends_lines = false;
  bool strips_nul = false;
  bool collapses_cr = false;  // CR CR LF is one line end
};

inline constexpr std::array<Laxness, 7> kReaders = {{
    {"strict"},
    {"LF", true, false, false, false},
    {"CR", false, true, false, false},
    {"NUL", false, false, true, false},
    {"CR runs", true, false, false, true},
    {"CR and LF", true, true, false, false},
    {"all", true, true, true, true},
}};

// Lines that are a dot and nothing else, as this reader sees lines. `stream` begins where DATA
// does.
inline std::size_t count_ends_of_data(std::string_view stream, const Laxness& reader) {
  std::size_t count = 0;
  std::string line;
  const auto end_line = [&] {
    if (line == ".") {
      ++count;
    }
    line.clear();
  };
  for (std::size_t at = 0; at < stream.size(); ++at) {
    const char c = stream[at];
    if (c == '\0' && reader.strips_nul) {
      continue;
    }
    if (c == '\n' && line.ends_with('\r')) {
      line.pop_back();
      while (reader.collapses_cr && line.ends_with('\r')) {
        line.pop_back();
      }
      end_line();
    } else if (c == '\n' && reader.lf_ends_lines) {
      end_line();
    } else if (reader.cr_ends_lines && line.ends_with('\r')) {
      line.pop_back();
      end_line();
      line.push_back(c);
    } else {
      line.push_back(c);
    }
  }
  return count;
}

// What the relay does with one message, without sockets.
struct Relayed {
  std::string written;  // to the backend; without the end of data if there was a fault
  std::string message;  // as the backend should store it
  smtp::BodyFault fault = smtp::BodyFault::None;
  bool ended = false;  // the client's end of data was seen
  std::string rest;    // of the client's bytes, behind the end of data
  std::uint64_t octets = 0;
  std::uint64_t normalised = 0;
  std::size_t faults_told = 0;
};

template <typename Chunks>
Relayed relay(const Chunks& chunks, const smtp::BodyRules& rules = {}) {
  using Kind = smtp::BodyPiece::Kind;
  Relayed out;
  smtp::DataDecoder decoder(rules);
  smtp::DataEncoder encoder;
  for (const std::string& chunk : chunks) {
    std::string_view input = chunk;
    while (!out.ended) {
      const smtp::BodyPiece piece = decoder.next(input);
      if (piece.kind == Kind::NeedInput) {
        break;
      }
      if (piece.kind == Kind::Lines) {
        encoder.lines(piece.text, out.written);
        out.message += piece.text;
      } else if (piece.kind == Kind::Text) {
        encoder.text(piece.text, piece.ends_line, out.written);
        out.message += piece.text;
        out.message += piece.ends_line ? "\r\n" : "";
      } else if (piece.kind == Kind::Fault) {
        ++out.faults_told;
      } else {
        out.ended = true;
      }
    }
    out.rest += input;
  }
  out.fault = decoder.fault();
  out.octets = decoder.octets();
  out.normalised = decoder.normalised();
  if (out.ended && out.fault == smtp::BodyFault::None) {
    encoder.end(out.written);
  }
  return out;
}

// What is left when a server that takes bare LF for a line end has read a message, told plainly and
// on the whole text at once: `body` reaches up to the end of data, its CR LF before the dot
// included. Only the dot alone that a bare LF touches stays as it is: no stuffing, and no end
// either.
inline std::string read_normalising(std::string_view body) {
  std::string out;
  while (!body.empty()) {
    const std::size_t lf = body.find('\n');
    std::string_view line = body.substr(0, lf);
    body.remove_prefix(lf == std::string_view::npos ? body.size() : lf + 1);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (line.starts_with('.') && line != ".") {
      line.remove_prefix(1);
    }
    out += line;
    out += lf == std::string_view::npos ? "" : "\r\n";
  }
  return out;
}

// Empty if all readers agree with what is due; else what went wrong.
inline std::string smuggling_complaint(const Relayed& relayed) {
  const std::size_t due = relayed.ended && relayed.fault == smtp::BodyFault::None ? 1 : 0;
  for (const Laxness& reader : kReaders) {
    const std::size_t seen = count_ends_of_data(relayed.written, reader);
    if (seen != due) {
      return "reader \"" + std::string(reader.name) + "\" sees " + std::to_string(seen) +
             " ends of data, due " + std::to_string(due);
    }
  }
  return {};
}

}  // namespace smtpguard::test
