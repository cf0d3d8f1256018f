#include "proxy/control/protocol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smtpguard::control {
namespace {

TEST(Request, ReadsAsItWasWritten) {
  for (const Command command :
       {Command::Status, Command::Sessions, Command::Reload, Command::Upgrade, Command::Drain,
        Command::Stop, Command::ReopenLogs}) {
    for (const Form form : {Form::Text, Form::Json}) {
      const Request request{command, form};
      const std::string line = to_wire(request);
      ASSERT_EQ(line.back(), '\n');
      const auto read = parse_request(std::string_view(line).substr(0, line.size() - 1));
      ASSERT_TRUE(read.has_value()) << line;
      EXPECT_EQ(*read, request) << line;
    }
  }
}

TEST(Request, TakesOnePrintableWordWhereItTakesAny) {
  const auto read = parse_request("json memory show 192.0.2.1");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, (Request{Command::MemoryShow, Form::Json, "192.0.2.1"}));
  EXPECT_EQ(to_wire(*read), "json memory show 192.0.2.1\n");
  for (const char* const line : {"memory show", "memory show ", "memory show a b", "memory showa",
                                 "memory show \x1b", "status a", "pass"}) {
    EXPECT_FALSE(parse_request(line).has_value()) << line;
  }
}

TEST(Request, MayEndInCrLf) {
  const auto read = parse_request("json log reopen\r");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, (Request{Command::ReopenLogs, Form::Json}));
}

TEST(Request, ThatIsUnknownIsToldWithTheKnownOnesAndEscaped) {
  EXPECT_EQ(parse_request("halt\x1b").error().text,
            "unknown command \"halt\\x1B\"; known: status, sessions, reload, upgrade, drain, stop, "
            "log reopen, dnsbl stats, memory stats, memory show, memory forget, pass, memory "
            "recall, greylist list, "
            "correspondents list, correspondents import, block add, block list, block del");
  for (const char* const line : {"", "json", "json ", "STATUS", "status ", " status", "log",
                                 "log  reopen", "json json status"}) {
    EXPECT_FALSE(parse_request(line).has_value()) << line;
  }
}

TEST(Answer, ReadsAsItWasWritten) {
  for (const Answer& answer : {Answer{true, "two\nlines"}, Answer{false, ""}, Answer{true, ""}}) {
    const auto read = parse_answer(to_wire(answer));
    ASSERT_TRUE(read.has_value()) << to_wire(answer);
    EXPECT_EQ(*read, answer);
  }
}

TEST(Answer, ThatWasCutOffIsNoAnswer) {
  const std::string whole = to_wire(Answer{true, "twenty octets of text"});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(parse_answer(std::string_view(whole).substr(0, length)).has_value()) << length;
  }
  EXPECT_EQ(parse_answer("ok 9\nshort").error().text, "answer cut off: 5 of 9 octets");
  EXPECT_EQ(parse_answer("").error().text, "closed without an answer");
  EXPECT_FALSE(parse_answer("SSH-2.0-OpenSSH\r\n").has_value());
  EXPECT_FALSE(parse_answer("ok -1\n").has_value());
}

}  // namespace
}  // namespace smtpguard::control
