#include "proxy/smtp/command.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "conf/base/text.hpp"
#include "proxy/smtp/path_parser.hpp"

namespace smtpguard::smtp {
namespace {

using Kind = CommandError::Kind;

constexpr std::size_t kNameLimit = 255;
constexpr std::size_t kParametersLimit = 16;  // all registered ones of MAIL together are fewer

struct VerbName {
  Verb verb;
  std::string_view name;
};
constexpr std::array kVerbs = std::to_array<VerbName>({
    {Verb::Helo, "HELO"},
    {Verb::Ehlo, "EHLO"},
    {Verb::Mail, "MAIL"},
    {Verb::Rcpt, "RCPT"},
    {Verb::Data, "DATA"},
    {Verb::Rset, "RSET"},
    {Verb::Noop, "NOOP"},
    {Verb::Quit, "QUIT"},
    {Verb::Vrfy, "VRFY"},
    {Verb::Expn, "EXPN"},
    {Verb::Help, "HELP"},
    {Verb::Auth, "AUTH"},
    {Verb::Bdat, "BDAT"},
    {Verb::Etrn, "ETRN"},
    {Verb::StartTls, "STARTTLS"},
    {Verb::Turn, "TURN"},
});

Verb find_verb(std::string_view word) {
  const std::string name = to_upper(word);
  const auto* found = std::find_if(kVerbs.begin(), kVerbs.end(),
                                   [&](const VerbName& entry) { return entry.name == name; });
  return found == kVerbs.end() ? Verb::Unknown : found->verb;
}

bool is_control(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return octet < 0x20 || octet == 0x7F;
}

bool is_visible_ascii(char c) {
  return c > ' ' && c < '\x7F';
}

Command make_command(Verb verb, std::string_view argument) {
  Command command;
  command.verb = verb;
  command.argument = argument;
  return command;
}

ParsedCommand parse_hello(Verb verb, std::string_view argument) {
  if (argument.empty()) {
    return CommandError{Kind::NoName, verb, std::string(to_string(verb)) + " needs a host name"};
  }
  if (argument.size() > kNameLimit ||
      !std::all_of(argument.begin(), argument.end(), is_visible_ascii)) {
    return CommandError{Kind::BadName, verb,
                        std::string(to_string(verb)) +
                            " needs one host name, at most 255 printable ASCII characters"};
  }
  return make_command(verb, argument);
}

bool is_keyword(std::string_view text) {
  return !text.empty() && is_alnum(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_value(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return is_visible_ascii(c) && c != '='; });
}

// Empty text: all is well.
std::string_view parse_parameters(std::string_view text, std::vector<Parameter>& out) {
  while (!(text = trim(text)).empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    const std::size_t equals = word.find('=');
    const std::string_view keyword = word.substr(0, equals);
    if (!is_keyword(keyword)) {
      return "parameters have the form KEYWORD or KEYWORD=value";
    }
    Parameter parameter{to_upper(keyword), {}};
    if (equals != std::string_view::npos) {
      parameter.value = word.substr(equals + 1);
      if (!is_value(parameter.value)) {
        return "parameter value is empty or holds a character that is not allowed";
      }
    }
    // Which of two values holds is a guess, and two programs may guess differently.
    if (std::any_of(out.begin(), out.end(),
                    [&](const Parameter& other) { return other.keyword == parameter.keyword; })) {
      return "parameter given twice";
    }
    if (out.size() == kParametersLimit) {
      return "too many parameters";
    }
    out.push_back(std::move(parameter));
  }
  return {};
}

ParsedCommand parse_envelope(Verb verb, std::string_view argument) {
  const bool is_mail = verb == Verb::Mail;
  const std::string_view word = is_mail ? "FROM:" : "TO:";
  const auto syntax = [&](std::string_view text) {
    return CommandError{Kind::Syntax, verb, std::string(text)};
  };
  const std::string_view needs = is_mail ? "MAIL needs FROM:<address>" : "RCPT needs TO:<address>";
  if (to_upper(argument.substr(0, word.size())) != word) {
    return syntax(needs);
  }
  const std::string_view rest = trim(argument.substr(word.size()));
  if (rest.empty()) {
    return syntax(needs);
  }
  ParsedPath parsed = parse_path(rest);
  if (parsed.error.empty() && parsed.path.domain.empty()) {
    // RFC 5321 4.1.1.3: <> is a sender only, and the one recipient without a domain is Postmaster.
    if (parsed.path.is_null() && !is_mail) {
      parsed.error = "recipient address is empty";
    } else if (!parsed.path.is_null() &&
               (is_mail || to_upper(parsed.path.local_part) != "POSTMASTER")) {
      parsed.error = "address needs a domain, as in <user@example.org>";
    }
  }
  if (!parsed.error.empty()) {
    return CommandError{Kind::BadAddress, verb, std::string(parsed.error)};
  }
  if (!parsed.rest.empty() && parsed.rest.front() != ' ') {
    return syntax("a blank is needed between address and parameters");
  }
  Command command = make_command(verb, {});
  command.path = std::move(parsed.path);
  const std::string_view error = parse_parameters(parsed.rest, command.parameters);
  if (!error.empty()) {
    return syntax(error);
  }
  return command;
}

// What goes to the backend. Nothing that parse_command() gave holds a control byte; should a caller
// have put one in, the line must still stay one line.
void append_safely(std::string& out, std::string_view text) {
  assert(std::none_of(text.begin(), text.end(), is_control));
  for (const char c : text) {
    out.push_back(is_control(c) ? '?' : c);
  }
}

}  // namespace

std::string_view to_string(Verb verb) {
  const auto* found = std::find_if(kVerbs.begin(), kVerbs.end(),
                                   [verb](const VerbName& entry) { return entry.verb == verb; });
  return found == kVerbs.end() ? "?" : found->name;
}

std::string Path::address() const {
  return domain.empty() ? local_part : local_part + '@' + domain;
}

bool Path::has_utf8() const {
  const auto is_8bit = [](char c) { return static_cast<unsigned char>(c) > 0x7F; };
  return std::any_of(local_part.begin(), local_part.end(), is_8bit) ||
         std::any_of(domain.begin(), domain.end(), is_8bit);
}

ParsedCommand parse_command(std::string_view line) {
  const std::string_view word = line.substr(0, line.find(' '));
  const Verb verb = find_verb(word);
  if (std::any_of(line.begin(), line.end(), is_control)) {
    return CommandError{Kind::ControlBytes, verb, "control characters are not allowed in commands"};
  }
  const std::string_view argument = trim(line.substr(word.size()));
  switch (verb) {
    case Verb::Unknown:
      return CommandError{Kind::UnknownVerb, verb, "command not recognized"};
    case Verb::Helo:
    case Verb::Ehlo:
      return parse_hello(verb, argument);
    case Verb::Mail:
    case Verb::Rcpt:
      return parse_envelope(verb, argument);
    case Verb::Data:
    case Verb::Rset:
    case Verb::Quit:
    case Verb::StartTls:
      if (!argument.empty()) {
        return CommandError{Kind::Syntax, verb,
                            std::string(to_string(verb)) + " takes no argument"};
      }
      break;
    case Verb::Vrfy:
      if (argument.empty()) {
        return CommandError{Kind::Syntax, verb, "VRFY needs an address"};
      }
      break;
    case Verb::Noop:
    case Verb::Expn:
    case Verb::Help:
    case Verb::Auth:
    case Verb::Bdat:
    case Verb::Etrn:
    case Verb::Turn:
      break;
  }
  return make_command(verb, argument);
}

std::string to_wire(const Command& command) {
  std::string out(to_string(command.verb));
  switch (command.verb) {
    case Verb::Helo:
    case Verb::Ehlo:
      out += ' ';
      append_safely(out, command.argument);
      break;
    case Verb::Mail:
    case Verb::Rcpt:
      out += command.verb == Verb::Mail ? " FROM:<" : " TO:<";
      append_safely(out, command.path.address());
      out += '>';
      for (const Parameter& parameter : command.parameters) {
        out += ' ';
        append_safely(out, parameter.keyword);
        if (!parameter.value.empty()) {
          out += '=';
          append_safely(out, parameter.value);
        }
      }
      break;
    case Verb::Data:
    case Verb::Rset:
    case Verb::Noop:
    case Verb::Quit:
    case Verb::StartTls:
      break;
    default:
      assert(false && "a command that is never sent to a backend");
      out = "NOOP";
      break;
  }
  return out + "\r\n";
}

std::string xtext_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_visible_ascii(c) && c != '+' && c != '=') {
      out.push_back(c);
    } else {
      const auto octet = static_cast<unsigned char>(c);
      out.push_back('+');
      out.push_back(kHex[octet >> 4]);
      out.push_back(kHex[octet & 0x0F]);
    }
  }
  return out;
}

bool is_xtext(std::string_view text) {
  const auto is_hex = [](char c) { return is_digit(c) || (c >= 'A' && c <= 'F'); };
  while (!text.empty()) {
    std::size_t taken = 1;
    if (text.front() == '+') {
      if (text.size() < 3 || !is_hex(text[1]) || !is_hex(text[2])) {
        return false;
      }
      taken = 3;
    } else if (!is_visible_ascii(text.front()) || text.front() == '=') {
      return false;
    }
    text.remove_prefix(taken);
  }
  return true;
}

}  // namespace smtpguard::smtp
