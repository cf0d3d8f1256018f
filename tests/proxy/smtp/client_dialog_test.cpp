// What ClientDialog says of a backend in trouble; whole conversations stand in tests/transcripts/.
#include "proxy/smtp/client_dialog.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace smtpguard::smtp {
namespace {

Question mail(const char* line) {
  Question question;
  question.kind = Question::Kind::Mail;
  question.command = std::get<Command>(parse_command(line));
  return question;
}

// Connected, greeted, and MAIL accepted.
class ClientDialogTest : public testing::Test {
 protected:
  ClientDialogTest() : dialog_({}) {
    dialog_.ask(mail("MAIL FROM:<a@example.org>"));
    dialog_.on_connected();
    hear("220 mx.example.net\r\n");
    hear("250 mx.example.net\r\n");
    hear("250 2.1.0 Ok\r\n");
  }

  // The reply to what is written before.
  void hear(const char* reply) {
    next();
    dialog_.on_bytes(reply);
  }
  // What there is to do once all is written; the last answer.
  Reply next() {
    Reply answer;
    while (true) {
      ClientAction action = dialog_.next_action();
      if (action.kind == ClientAction::Kind::Answer) {
        answer = std::move(action.reply);
      } else if (action.kind != ClientAction::Kind::Write) {
        return answer;
      }
    }
  }

  ClientDialog dialog_;
};

TEST_F(ClientDialogTest, SaysThatNothingWasAskedWhenTheBackendClosed) {
  next();
  dialog_.on_lost("closed the connection");
  EXPECT_EQ(dialog_.trouble(), "closed the connection between two commands");
}

TEST_F(ClientDialogTest, SaysThatItWasInsideAMessage) {
  next();
  Question data;
  data.kind = Question::Kind::Data;
  dialog_.ask(data);
  hear("354 go on\r\n");
  next();
  dialog_.on_lost("timeout in writing");
  EXPECT_EQ(dialog_.trouble(), "timeout in writing inside the message");
}

TEST_F(ClientDialogTest, SaysWhatTheBackendLacksAndGoesOn) {
  next();
  dialog_.ask(mail("MAIL FROM:<a@example.org> BODY=8BITMIME"));
  EXPECT_EQ(next(), unavailable());
  EXPECT_EQ(dialog_.trouble(), "does not offer 8BITMIME, which the client was offered");
  dialog_.ask(mail("MAIL FROM:<a@example.org> RET=HDRS"));
  EXPECT_EQ(next(), unavailable());
  EXPECT_EQ(dialog_.trouble(), "does not offer DSN, which the client was offered");
  // What ends the connection is told, though something was wrong before.
  dialog_.on_lost("connection reset by peer");
  EXPECT_EQ(dialog_.trouble(), "connection reset by peer between two commands");
}

TEST(ClientDialog, HintsAtTheHandOffOnlyOfABackendThatHasNeverAnswered) {
  for (const bool is_proven : {false, true}) {
    ClientIdentity identity;
    identity.is_proven = is_proven;
    ClientDialog dialog(identity);
    dialog.ask(mail("MAIL FROM:<a@example.org>"));
    dialog.on_connected();
    dialog.on_lost("timeout");
    EXPECT_EQ(dialog.trouble(),
              std::string("timeout while the answer to the connection (its 220) was due") +
                  (is_proven ? "" : "; does it expect PROXY version 2 here? (backend.identity)"));
  }
}

TEST_F(ClientDialogTest, TellsOfTheEndWhatCameFirst) {
  next();
  Question rset;
  rset.kind = Question::Kind::Rset;
  dialog_.ask(rset);
  hear("nonsense\r\n");
  const std::string first = dialog_.trouble();
  EXPECT_NE(first.find("answered RSET with no proper reply"), std::string::npos) << first;
  dialog_.on_lost("closed the connection");
  EXPECT_EQ(dialog_.trouble(), first);
}

}  // namespace
}  // namespace smtpguard::smtp
