#include "proxy/session/conduct.hpp"

#include <gtest/gtest.h>

#include <string>

namespace smtpguard::session {
namespace {

using filters::Misbehaviour;
using smtp::Verb;
using namespace std::string_view_literals;

Misbehaviour after(const BadLine& line) {
  Misbehaviour seen;
  learn_from_bad_line(line, seen);
  return seen;
}

TEST(Conduct, KeepsTheNameAndTheFirstBytesOfAnotherProtocol) {
  Misbehaviour seen;
  EXPECT_TRUE(learn_from_bytes("GET / HTTP/1.1\r\n" + std::string(500, 'x'), seen));
  EXPECT_EQ(seen.foreign->name, "HTTP");
  EXPECT_EQ(seen.foreign->bytes.size(), 100U);
  EXPECT_FALSE(learn_from_bytes("SSH-2.0-Go", seen));
  EXPECT_EQ(seen.foreign->name, "HTTP");
}

TEST(Conduct, RecognisesAProtocolInALaterLine) {
  const Misbehaviour seen = after({"SSH-2.0-Go"});
  EXPECT_EQ(seen.foreign->name, "SSH");
  EXPECT_EQ(seen.unknown_commands, 1U);
}

TEST(Conduct, CountsControlCharactersAndAuth) {
  EXPECT_EQ(after({"NOOP\0x"sv, Verb::Noop}).control_bytes, 1U);
  EXPECT_EQ(after({"RSET\rRSET", Verb::Rset}).control_bytes, 1U);
  EXPECT_EQ(after({"AUTH LOGIN", Verb::Auth}).auth, 1U);
  EXPECT_EQ(after({"AUTH LOGIN", Verb::Auth}).unknown_commands, 0U);
}

TEST(Conduct, KnowsTheHeaderOfAMessage) {
  EXPECT_EQ(*after({"Subject: a secret"}).message_line, "Subject:");
  EXPECT_EQ(*after({"from: <a@example.org>"}).message_line, "from:");
  EXPECT_FALSE(after({"X-Anything: x"}).message_line);
  EXPECT_FALSE(after({"hello: world"}).message_line);
  EXPECT_FALSE(after({"RCPT TO:<a b>", Verb::Rcpt}).message_line);
}

TEST(Conduct, TakesWhatFollowsARefusedDataForAMessage) {
  EXPECT_EQ(*after({"X-Anything: x", Verb::Unknown, true}).message_line, "X-Anything:");
  EXPECT_EQ(*after({"asdf", Verb::Unknown, true}).message_line, "text behind a refused DATA");
  EXPECT_FALSE(after({"MAIL FROM:", Verb::Mail, true}).message_line);
}

TEST(Conduct, KeepsSecretsOutOfTheLog) {
  Misbehaviour seen;
  const BadLine auth{"AUTH PLAIN AGEAYgBj", Verb::Auth};
  learn_from_bad_line(auth, seen);
  EXPECT_EQ(for_log(auth, seen), "AUTH PLAIN");
  EXPECT_EQ(for_log({"dXNlcg=="}, seen), "(not shown)");
  EXPECT_EQ(for_log({"foo bar"}, seen), "foo bar");
  EXPECT_EQ(for_log({"dXNlcg=="}, {}), "dXNlcg==");
  EXPECT_EQ(for_log({"AUTH", Verb::Auth}, seen), "AUTH");
  seen.message_line = std::string("Subject:");
  EXPECT_EQ(for_log({"Subject: a secret"}, seen), "(text of a message)");
}

TEST(Conduct, CutsBytesBeforeTheSecret) {
  struct Row {
    std::string_view bytes;
    std::string_view shown;
  };
  for (const Row& row : {
           Row{"EHLO a\r\nAUTH PLAIN secret\r\n", "EHLO a\r\nAUTH PLAIN"},
           Row{"auth\tlogin\nsecret\nsecret\n", "auth\tlogin"},
           Row{"USER x\r\nPASS secret\r\n", "USER x\r\nPASS"},
           Row{"a1 LOGIN user secret\r\n", "a1 LOGIN"},
           Row{"a1 AUTHENTICATE PLAIN secret\r\n", "a1 AUTHENTICATE PLAIN"},
           Row{"GET / HTTP/1.1\r\nAuthorization: Basic secret", "GET / HTTP/1.1\r\nAuthorization:"},
           Row{"GET / HTTP/1.1\nauthorization:secret", "GET / HTTP/1.1\nauthorization:"},
           Row{"MAIL FROM:<pass@example.org>\r\n", "MAIL FROM:<pass@example.org>\r\n"},
           Row{"RCPT TO:<a@b>\r\ndata\r\nSubject: private\r\n", "RCPT TO:<a@b>\r\ndata"},
           Row{"DATA\nprivate", "DATA"},
           Row{"DATABASE\r\nx", "DATABASE\r\nx"},
           Row{"EHLO a\r\nNOOP", "EHLO a\r\nNOOP"},
           Row{"AUTH", "AUTH"},
           Row{"", ""},
       }) {
    EXPECT_EQ(without_secrets(row.bytes), row.shown);
  }
  EXPECT_EQ(after({"USER x\r\nPASS secret"}).foreign->bytes, "USER x\r\nPASS");
  EXPECT_EQ(for_log({"PASS secret"}, {}), "PASS");
}

}  // namespace
}  // namespace smtpguard::session
