// Command — one SMTP command, parsed; and the same written anew for the backend.
// Owns: copies of its parts.   Called by: ServerDialog (parse), ClientDialog (write), fuzz target.
// Fails: parse_command() returns a CommandError whose reply text tells the sender what is wrong.
// RFC 5321 4.1 (commands, paths), RFC 1870 (SIZE), 6152 (BODY), 6531 (SMTPUTF8), 3461 (DSN).
// Nothing of the client's bytes goes on to the backend as it came: commands are rebuilt from parts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace smtpguard::smtp {

enum class Verb : std::uint8_t {
  Helo,
  Ehlo,
  Mail,
  Rcpt,
  Data,
  Rset,
  Noop,
  Quit,
  Vrfy,
  Expn,
  Help,
  StartTls,
  Auth,
  Bdat,
  Etrn,
  Turn,
  Unknown,
};
// "EHLO"; "?" for Unknown.
std::string_view to_string(Verb verb);

// The address of MAIL or RCPT. A source route (RFC 5321 appendix C) is kept apart and never
// forwarded.
struct Path {
  std::string local_part;    // as said, quotes included
  std::string domain;        // as said; a literal with its brackets; empty for <> and <postmaster>
  std::string source_route;  // "@a,@b" without the colon; empty normally

  bool is_null() const { return local_part.empty() && domain.empty(); }
  // "user@example.org", "postmaster", or "" for the null path; without <>.
  std::string address() const;
  // Any byte above 127: allowed only together with SMTPUTF8.
  bool has_utf8() const;

  bool operator==(const Path&) const = default;
};

struct Parameter {
  std::string keyword;  // upper case
  std::string value;    // as said; empty if there was no "="

  bool operator==(const Parameter&) const = default;
};

struct Command {
  Verb verb = Verb::Unknown;
  std::string argument;  // HELO/EHLO: the name; VRFY, HELP, NOOP, AUTH, BDAT...: the rest, as said
  Path path;             // MAIL, RCPT
  std::vector<Parameter> parameters;  // MAIL, RCPT; syntax checked, meaning is ServerDialog's

  bool operator==(const Command&) const = default;
};

struct CommandError {
  enum class Kind : std::uint8_t {
    UnknownVerb,   // 500 5.5.1
    ControlBytes,  // 501 5.5.2: NUL, CR, other C0 and DEL anywhere in the line
    NoName,        // 501 5.5.4: HELO or EHLO without an argument
    BadName,       // 501 5.5.4: HELO argument that is not 1 to 255 printable non-space ASCII
    Syntax,        // 501 5.5.4: the form of the command is wrong
    BadAddress,    // 501 5.1.7 (MAIL), 501 5.1.3 (RCPT)
  };
  Kind kind = Kind::Syntax;
  Verb verb = Verb::Unknown;
  // For the reply, without code: "MAIL needs FROM:<address>". ASCII, never an echo of the client.
  std::string text;

  bool operator==(const CommandError&) const = default;
};

using ParsedCommand = std::variant<Command, CommandError>;

// `line` has no line end. Verbs in any case; blanks after the verb, after "FROM:" and "TO:" and at
// the end are tolerated (RFC 5321 4.1.1), and so is an address without <> (old devices; it is
// rebuilt). A verb that takes no argument (DATA, RSET, QUIT) ignores blanks and gives Syntax for
// anything else.
ParsedCommand parse_command(std::string_view line);

// "MAIL FROM:<a@b> SIZE=1000 BODY=8BITMIME\r\n". Only Mail, Rcpt, Helo, Ehlo, Data, Rset, Quit.
std::string to_wire(const Command& command);

// xtext of RFC 3461 4: 33..126 except + and = as they are, the rest +HH.
std::string xtext_encode(std::string_view text);
bool is_xtext(std::string_view text);

}  // namespace smtpguard::smtp
