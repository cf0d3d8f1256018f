#include "proxy/smtp/command.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/smtp_printers.hpp"

namespace smtpguard::smtp {
namespace {

using namespace std::string_literals;
using Kind = CommandError::Kind;

Command command(Verb verb, std::string argument = {}) {
  Command out;
  out.verb = verb;
  out.argument = std::move(argument);
  return out;
}

Command envelope(Verb verb, Path path, std::vector<Parameter> parameters = {}) {
  Command out;
  out.verb = verb;
  out.path = std::move(path);
  out.parameters = std::move(parameters);
  return out;
}

ParsedCommand error(Kind kind, Verb verb, std::string text) {
  return CommandError{kind, verb, std::move(text)};
}

Kind error_kind(std::string_view line) {
  const ParsedCommand parsed = parse_command(line);
  const auto* found = std::get_if<CommandError>(&parsed);
  EXPECT_NE(found, nullptr) << line;
  return found == nullptr ? Kind::UnknownVerb : found->kind;
}

TEST(Command, TakesVerbsInAnyCase) {
  for (const char* line :
       {"ehlo mx.example.org", "EHLO mx.example.org", "eHlO   mx.example.org  "}) {
    EXPECT_EQ(parse_command(line), ParsedCommand(command(Verb::Ehlo, "mx.example.org")));
  }
}

TEST(Command, KnowsEveryVerbByItsName) {
  const std::vector<std::pair<std::string, Verb>> table = {
      {"HELO a", Verb::Helo}, {"DATA", Verb::Data},         {"RSET", Verb::Rset},
      {"NOOP", Verb::Noop},   {"QUIT", Verb::Quit},         {"VRFY a", Verb::Vrfy},
      {"EXPN a", Verb::Expn}, {"HELP", Verb::Help},         {"STARTTLS", Verb::StartTls},
      {"AUTH a", Verb::Auth}, {"BDAT 1 LAST", Verb::Bdat},  {"ETRN a", Verb::Etrn},
      {"TURN", Verb::Turn},   {"MAIL FROM:<>", Verb::Mail}, {"RCPT TO:<a@b>", Verb::Rcpt},
  };
  for (const auto& [line, verb] : table) {
    const ParsedCommand parsed = parse_command(line);
    ASSERT_TRUE(std::holds_alternative<Command>(parsed)) << line;
    EXPECT_EQ(std::get<Command>(parsed).verb, verb);
    EXPECT_TRUE(line.starts_with(to_string(verb)));
  }
  EXPECT_EQ(to_string(Verb::Unknown), "?");
}

TEST(Command, KeepsTheArgumentAsSaid) {
  EXPECT_EQ(parse_command("NOOP  Hello  World "),
            ParsedCommand(command(Verb::Noop, "Hello  World")));
  EXPECT_EQ(parse_command("aUtH lOgIn"), ParsedCommand(command(Verb::Auth, "lOgIn")));
}

TEST(Command, RefusesWhatIsNoSmtp) {
  const std::string lines[] = {
      "",
      " ",
      " EHLO a",
      ".",
      "GET / HTTP/1.1",
      "POST / HTTP/1.0",
      "Host: hpcgi1.example.com",
      "SSH-2.0-Go",
      "MAILFROM:<a@b>",
      "EHLO:a",
      "DATA.",
      "XCLIENT ADDR=192.0.2.1",
      "\xC5\xBFTARTTLS",
  };
  for (const std::string& line : lines) {
    EXPECT_EQ(parse_command(line),
              error(Kind::UnknownVerb, Verb::Unknown, "command not recognized"))
        << line;
  }
}

TEST(Command, RefusesControlBytesAnywhere) {
  const std::string lines[] = {
      "EHLO a\0b"s,
      "EHLO a\rb",
      "EHLO a\x7F",
      "MAIL FROM:<a\tb@c>",
      "MAIL FROM:<a@b>\r"s,
      "QUIT\0"s,
      "\x1B%-12345X",
      "Gh0st\xAD\0\0\0"s,
      "\x16\x03\x01\x02\0\x01"s,
      "\x03\0\0\x13\x0E\xE0"s,
      "NOOP \x01",
      "EHLO\ta",
  };
  for (const std::string& line : lines) {
    EXPECT_EQ(error_kind(line), Kind::ControlBytes) << testing::PrintToString(line);
  }
  EXPECT_EQ(parse_command("EHLO a\rb"), error(Kind::ControlBytes, Verb::Ehlo,
                                              "control characters are not allowed in commands"));
}

TEST(Command, HelloNeedsOnePrintableWord) {
  EXPECT_EQ(parse_command("EHLO"), error(Kind::NoName, Verb::Ehlo, "EHLO needs a host name"));
  EXPECT_EQ(parse_command("HELO  "), error(Kind::NoName, Verb::Helo, "HELO needs a host name"));
  const ParsedCommand bad =
      error(Kind::BadName, Verb::Ehlo,
            "EHLO needs one host name, at most 255 printable ASCII characters");
  EXPECT_EQ(parse_command("EHLO a b"), bad);
  EXPECT_EQ(parse_command("EHLO m\xC3\xBCller"), bad);
  EXPECT_EQ(parse_command("EHLO " + std::string(256, 'a')), bad);
  EXPECT_EQ(parse_command("EHLO " + std::string(255, 'a')),
            ParsedCommand(command(Verb::Ehlo, std::string(255, 'a'))));
  EXPECT_EQ(parse_command("EHLO [IPv6:2001:db8::1]"),
            ParsedCommand(command(Verb::Ehlo, "[IPv6:2001:db8::1]")));
  EXPECT_EQ(parse_command("HELO <script>;|$(x)"),
            ParsedCommand(command(Verb::Helo, "<script>;|$(x)")));
}

TEST(Command, LoneVerbsTakeNoArgument) {
  EXPECT_EQ(parse_command("DATA  "), ParsedCommand(command(Verb::Data)));
  EXPECT_EQ(parse_command("DATA now"), error(Kind::Syntax, Verb::Data, "DATA takes no argument"));
  EXPECT_EQ(error_kind("QUIT x"), Kind::Syntax);
  EXPECT_EQ(error_kind("RSET x"), Kind::Syntax);
  EXPECT_EQ(error_kind("STARTTLS x"), Kind::Syntax);
  EXPECT_EQ(error_kind("VRFY"), Kind::Syntax);
}

struct PathCase {
  std::string text;
  Path path;
  std::string address;
};

TEST(Command, ParsesPaths) {
  const PathCase table[] = {
      {"<user@example.org>", {"user", "example.org", ""}, "user@example.org"},
      {"user@example.org", {"user", "example.org", ""}, "user@example.org"},
      {"<\"a b\"@example.org>", {"\"a b\"", "example.org", ""}, "\"a b\"@example.org"},
      {R"(<"a\"@>\\"@example.org>)",
       {R"("a\"@>\\")", "example.org", ""},
       R"("a\"@>\\"@example.org)"},
      {R"("a b@c>"@example.org)", {R"("a b@c>")", "example.org", ""}, R"("a b@c>"@example.org)"},
      {"<\"\"@example.org>", {"\"\"", "example.org", ""}, "\"\"@example.org"},
      {"<user@[192.0.2.1]>", {"user", "[192.0.2.1]", ""}, "user@[192.0.2.1]"},
      {"<user@[IPv6:2001:db8::1]>", {"user", "[IPv6:2001:db8::1]", ""}, "user@[IPv6:2001:db8::1]"},
      {"<@relay.example,@b.example:user@example.org>",
       {"user", "example.org", "@relay.example,@b.example"},
       "user@example.org"},
      {"<a%b.example@example.org>", {"a%b.example", "example.org", ""}, "a%b.example@example.org"},
      {"<b.example!a@example.org>", {"b.example!a", "example.org", ""}, "b.example!a@example.org"},
      {"<bounce+a=b.org@v.example>",
       {"bounce+a=b.org", "v.example", ""},
       "bounce+a=b.org@v.example"},
      {"<a..b.@docomo.example>", {"a..b.", "docomo.example", ""}, "a..b.@docomo.example"},
      {"<x@under_score.example>", {"x", "under_score.example", ""}, "x@under_score.example"},
      {"<\xC3\xA4@m\xC3\xBCller.example>",
       {"\xC3\xA4", "m\xC3\xBCller.example", ""},
       "\xC3\xA4@m\xC3\xBCller.example"},
  };
  for (const PathCase& test : table) {
    EXPECT_EQ(parse_command("MAIL FROM:" + test.text),
              ParsedCommand(envelope(Verb::Mail, test.path)))
        << test.text;
    EXPECT_EQ(parse_command("rcpt to:  " + test.text + " "),
              ParsedCommand(envelope(Verb::Rcpt, test.path)))
        << test.text;
    EXPECT_EQ(test.path.address(), test.address);
    EXPECT_EQ(to_wire(envelope(Verb::Rcpt, test.path)), "RCPT TO:<" + test.address + ">\r\n");
  }
}

TEST(Path, KnowsWhetherItNeedsSmtpUtf8) {
  EXPECT_FALSE((Path{"user", "example.org", ""}).has_utf8());
  EXPECT_TRUE((Path{"\xC3\xA4", "example.org", ""}).has_utf8());
  EXPECT_TRUE((Path{"user", "m\xC3\xBCller.example", ""}).has_utf8());
}

TEST(Command, TheNullPathIsASenderOnlyAndPostmasterARecipientOnly) {
  EXPECT_EQ(parse_command("MAIL FROM:<>"), ParsedCommand(envelope(Verb::Mail, {})));
  EXPECT_TRUE(Path{}.is_null());
  EXPECT_EQ(parse_command("RCPT TO:<>"),
            error(Kind::BadAddress, Verb::Rcpt, "recipient address is empty"));
  EXPECT_EQ(parse_command("RCPT TO:<PostMaster>"),
            ParsedCommand(envelope(Verb::Rcpt, {"PostMaster", "", ""})));
  EXPECT_EQ(
      parse_command("MAIL FROM:<postmaster>"),
      error(Kind::BadAddress, Verb::Mail, "address needs a domain, as in <user@example.org>"));
  EXPECT_EQ(error_kind("RCPT TO:root"), Kind::BadAddress);
}

TEST(Command, RefusesBadAddresses) {
  const std::string paths[] = {
      "<",
      "<a@b",
      "<@>",
      "<a@>",
      "<@b>",
      "<a@b>>",
      "<<a@b>>",
      "a@b>",
      "<a@b",
      "<a@b c>",
      "< a@b>",
      "<a b@c>",
      "<a@b@c>",
      "Joe <a@b>",
      "<\"a@b>",
      "<\"a\\",
      "<\"a\"b@c>",
      "<\"a\".\"b\"@c>",
      "<a@.b>",
      "<a@b..c>",
      "<a@b.>",
      "<a@b/c>",
      "<a@[>",
      "<a@[]>",
      "<a@[1.2.3.4>",
      "<a@[1 2]>",
      "<a@[x]y>",
      "<@a:>",
      "<@a,b:c@d>",
      "<@a c@d>",
      "@a:b@c>",
      "<a\xFF@b>",
      "<a\xC2\x85@b>",
      "<a@b\xED\xA0\x80>",
      "<(c)a@b>",
      "<a@" + std::string(64, 'x') + ".org>",
      "<" + std::string(257, 'x') + "@b>",
  };
  for (const std::string& path : paths) {
    const ParsedCommand parsed = parse_command("RCPT TO:" + path);
    const auto* found = std::get_if<CommandError>(&parsed);
    ASSERT_NE(found, nullptr) << path;
    EXPECT_TRUE(found->kind == Kind::BadAddress || path == "<a@b>>") << path;
    EXPECT_FALSE(found->text.empty());
  }
}

TEST(Command, BoundsAddresses) {
  const std::string local(256, 'x');
  const std::string domain = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                             std::string(63, 'c') + "." + std::string(61, 'd');
  EXPECT_EQ(parse_command("MAIL FROM:<" + local + "@b.org>"),
            ParsedCommand(envelope(Verb::Mail, {local, "b.org", ""})));
  EXPECT_EQ(parse_command("MAIL FROM:<a@" + domain + ">"),
            ParsedCommand(envelope(Verb::Mail, {"a", domain, ""})));
  EXPECT_EQ(parse_command("MAIL FROM:<" + local + "@" + domain + ">"),
            ParsedCommand(envelope(Verb::Mail, {local, domain, ""})));
  EXPECT_EQ(parse_command("MAIL FROM:<" + local + "@" + domain + "x>"),
            error(Kind::BadAddress, Verb::Mail, "address is longer than 512 octets"));
}

TEST(Command, ParsesParameters) {
  const Path path{"a", "b.org", ""};
  EXPECT_EQ(parse_command("MAIL FROM:<a@b.org>  size=1000 BODY=8BITMIME smtputf8 x-a=\x21~<>:;"),
            ParsedCommand(envelope(
                Verb::Mail, path,
                {{"SIZE", "1000"}, {"BODY", "8BITMIME"}, {"SMTPUTF8", ""}, {"X-A", "!~<>:;"}})));
  EXPECT_EQ(parse_command("RCPT TO:a@b.org NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bc@b.org"),
            ParsedCommand(envelope(
                Verb::Rcpt, path, {{"NOTIFY", "SUCCESS,DELAY"}, {"ORCPT", "rfc822;a+2Bc@b.org"}})));
}

TEST(Command, RefusesBadParameters) {
  const std::string tails[] = {"SIZE=1",      " SIZE=",      " =1",      " SIZE=1=2",
                               " -A=1",       " S_Z=1",      " SIZE =1", " SIZE=1 size=2",
                               " A=\xC3\xA4", " \xC3\xA4=1", " <b@c>"};
  for (const std::string& tail : tails) {
    EXPECT_EQ(error_kind("MAIL FROM:<a@b>" + tail), Kind::Syntax) << tail;
  }
  std::string many;
  for (char c = 'A'; c <= 'P'; ++c) {
    many += " "s + c;
  }
  EXPECT_TRUE(std::holds_alternative<Command>(parse_command("MAIL FROM:<a@b>" + many)));
  EXPECT_EQ(error_kind("MAIL FROM:<a@b>" + many + " Q"), Kind::Syntax);
}

TEST(Command, EnvelopesNeedTheirWord) {
  EXPECT_EQ(parse_command("MAIL"), error(Kind::Syntax, Verb::Mail, "MAIL needs FROM:<address>"));
  EXPECT_EQ(parse_command("RCPT FROM:<a@b>"),
            error(Kind::Syntax, Verb::Rcpt, "RCPT needs TO:<address>"));
  for (const char* line : {"MAIL FROM", "MAIL FROM:", "MAIL FROM: ", "MAIL <a@b>",
                           "MAIL FROM <a@b>", "MAIL TO:<a@b>"}) {
    EXPECT_EQ(error_kind(line), Kind::Syntax) << line;
  }
}

TEST(Command, IsWrittenAnew) {
  EXPECT_EQ(
      to_wire(envelope(Verb::Mail, {"a", "b.org", "@c,@d"}, {{"SIZE", "5"}, {"SMTPUTF8", ""}})),
      "MAIL FROM:<a@b.org> SIZE=5 SMTPUTF8\r\n");
  EXPECT_EQ(to_wire(envelope(Verb::Mail, {})), "MAIL FROM:<>\r\n");
  EXPECT_EQ(to_wire(command(Verb::Ehlo, "mx.example.org")), "EHLO mx.example.org\r\n");
  EXPECT_EQ(to_wire(command(Verb::Data)), "DATA\r\n");
  EXPECT_EQ(to_wire(command(Verb::Quit, "ignored")), "QUIT\r\n");
}

bool is_one_clean_line(std::string_view wire) {
  return wire.ends_with("\r\n") && std::none_of(wire.begin(), wire.end() - 2, [](char c) {
           return c == '\r' || c == '\n' || c == '\0';
         });
}

// Lines of the letters that matter; whatever parses is one line again, and reads the same.
TEST(Command, ParsedCommandsSurviveTheWireAndStayOneLine) {
  std::mt19937 random(821);
  const std::vector<std::string> words = {
      "MAIL FROM:", "RCPT TO:", "EHLO ",  "<",         ">",    "@",     "a",  "b.org", "\"",
      "\\",         " ",        "SIZE=1", "[1.2.3.4]", ",",    ":",     ".",  "+",     "=",
      "\r",         "\n",       "\0"s,    "\xC3\xA4",  "\xFF", "<a@b>", "<>", "\x7F"};
  std::uniform_int_distribution<std::size_t> word(0, words.size() - 1);
  std::uniform_int_distribution<std::size_t> verb(0, 2);
  std::uniform_int_distribution<int> length(1, 10);
  int parsed_lines = 0;
  for (int round = 0; round < 50000; ++round) {
    std::string line = words[verb(random)];
    for (int left = length(random); left > 0; --left) {
      line += words[word(random)];
    }
    const ParsedCommand parsed = parse_command(line);
    if (const auto* found = std::get_if<Command>(&parsed)) {
      ++parsed_lines;
      const std::string wire = to_wire(*found);
      ASSERT_TRUE(is_one_clean_line(wire)) << testing::PrintToString(line);
      Command expected = *found;
      expected.path.source_route.clear();
      ASSERT_EQ(parse_command(std::string_view(wire).substr(0, wire.size() - 2)),
                ParsedCommand(expected));
    } else {
      const std::string& text = std::get<CommandError>(parsed).text;
      ASSERT_TRUE(!text.empty() && text.size() < 100);
    }
  }
  EXPECT_GT(parsed_lines, 1000);
}

// A Command that no parser gave. Debug builds stop at the assert; a release must still be safe.
TEST(Command, NeverWritesControlBytesEvenForACallerInError) {
  const Command hostile[] = {
      command(Verb::Ehlo, "a\r\nMAIL FROM:<b@c>"),
      envelope(Verb::Mail, {"a\r\n.\r\n", "b\0c"s, ""}, {{"A\n", "\r"}}),
      envelope(Verb::Rcpt, {"a", "b>\nDATA", ""}),
  };
  for (const Command& one : hostile) {
#ifdef NDEBUG
    EXPECT_TRUE(is_one_clean_line(to_wire(one)));
#else
    EXPECT_DEATH(to_wire(one), "is_control");
#endif
  }
}

TEST(Xtext, EncodesEverythingThatIsNotPlain) {
  EXPECT_EQ(xtext_encode("mx.example.org"), "mx.example.org");
  EXPECT_EQ(xtext_encode("a b+c=d\r\n\xFF\0"s), "a+20b+2Bc+3Dd+0D+0A+FF+00");
  EXPECT_EQ(xtext_encode(""), "");
}

TEST(Xtext, IsRecognised) {
  for (const char* good : {"", "a", "+2B", "a+0Ab", "!~"}) {
    EXPECT_TRUE(is_xtext(good)) << good;
  }
  for (const char* bad : {"+", "+2", "+2b", "+GG", "a=b", "a b", "\x7F", "\xC3\xA4", "a\n"}) {
    EXPECT_FALSE(is_xtext(bad)) << bad;
  }
}

}  // namespace
}  // namespace smtpguard::smtp
