// SmtpPrinters — what GoogleTest writes when values of proxy/smtp differ.
// Called by: tests of proxy/smtp, by including it; without it a failure would show bytes.
#pragma once

#include <gtest/gtest.h>

#include <ostream>

#include "proxy/smtp/command.hpp"
#include "proxy/smtp/data_decoder.hpp"
#include "proxy/smtp/line_reader.hpp"
#include "proxy/smtp/proxy_header.hpp"
#include "proxy/smtp/reply.hpp"

namespace smtpguard {

inline void PrintTo(const Error& error, std::ostream* out) {
  *out << "Error{" << error.text << "}";
}

inline void PrintTo(const Endpoint& endpoint, std::ostream* out) {
  *out << endpoint.to_string();
}

}  // namespace smtpguard

namespace smtpguard::smtp {

inline void PrintTo(const Line& line, std::ostream* out) {
  *out << "Line{" << testing::PrintToString(line.text) << (line.bare_lf ? ", bare LF" : "")
       << (line.overlong ? ", overlong" : "") << "}";
}

inline void PrintTo(const BodyPiece& piece, std::ostream* out) {
  switch (piece.kind) {
    case BodyPiece::Kind::Lines:
      *out << "Lines{" << testing::PrintToString(piece.text) << "}";
      return;
    case BodyPiece::Kind::Text:
      *out << "Text{" << testing::PrintToString(piece.text) << (piece.ends_line ? ", CRLF}" : "}");
      return;
    case BodyPiece::Kind::End:
      *out << "End";
      return;
    case BodyPiece::Kind::Fault:
      *out << "Fault{" << to_string(piece.fault) << "}";
      return;
    case BodyPiece::Kind::NeedInput:
      *out << "NeedInput";
      return;
  }
}

inline void PrintTo(BodyFault fault, std::ostream* out) {
  *out << to_string(fault);
}

inline void PrintTo(const Path& path, std::ostream* out) {
  *out << "Path{" << testing::PrintToString(path.local_part) << " at "
       << testing::PrintToString(path.domain);
  if (!path.source_route.empty()) {
    *out << " via " << testing::PrintToString(path.source_route);
  }
  *out << "}";
}

inline void PrintTo(const Parameter& parameter, std::ostream* out) {
  *out << parameter.keyword << "=" << testing::PrintToString(parameter.value);
}

inline void PrintTo(const Command& command, std::ostream* out) {
  *out << "Command{" << to_string(command.verb) << " " << testing::PrintToString(command.argument)
       << " " << testing::PrintToString(command.path) << " "
       << testing::PrintToString(command.parameters) << "}";
}

inline void PrintTo(const CommandError& error, std::ostream* out) {
  *out << "CommandError{" << static_cast<int>(error.kind) << ", " << to_string(error.verb) << ", "
       << testing::PrintToString(error.text) << "}";
}

inline void PrintTo(const Reply& reply, std::ostream* out) {
  *out << "Reply{" << reply.code << " " << reply.enhanced << " "
       << testing::PrintToString(reply.lines) << "}";
}

inline void PrintTo(const ProxyHeader& header, std::ostream* out) {
  *out << "ProxyHeader{"
       << (header.is_local ? "local"
                           : header.source.to_string() + " -> " + header.destination.to_string())
       << "}";
}

}  // namespace smtpguard::smtp
