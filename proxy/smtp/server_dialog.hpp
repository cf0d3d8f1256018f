// ServerDialog — our side of the conversation with the client, as a machine without I/O.
// Owns: the unfinished line, the command in hand, the transaction (one object with one reset).
// Called by: Session, which executes next_action() and feeds back what happened; transcripts; fuzz
// target. Fails: never; whatever the client says gets a reply of RFC 5321, and a limit ends in 421
// and Close.
//
//   on_input() ──► command ──► checks of form and order ──► Judge ──► Ask the backend ──► Reply
//
// RFC 5321 3.1 to 4.3 (order of commands, replies), 2034 (enhanced codes), 2920 (pipelining), 3207.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "conf/base/rare.hpp"
#include "proxy/smtp/line_reader.hpp"
#include "proxy/smtp/question.hpp"
#include "proxy/smtp/reply.hpp"
#include "proxy/smtp/server_parameters.hpp"

namespace smtpguard::smtp {

struct ServerLimits {
  std::uint32_t recipients = 1000;   // in one transaction, then 452
  std::uint32_t transactions = 200;  // in one session, then 421
  std::uint32_t commands = 2000;     // in one session without accepted RCPT, then 421
  std::uint32_t errors = 20;         // replies of ours to bad commands, then 421
};

// What the policy says to a MAIL or RCPT.
struct Judgement {
  enum class Kind : std::uint8_t {
    Pass,     // ask the backend
    Hold,     // MAIL only: answer 250 ourselves, and ask the backend when a recipient passes
    Refuse,   // answer `reply`; the backend is not asked
    Discard,  // RCPT only: answer 250 ourselves; what comes for it is thrown away
  };
  Kind kind = Kind::Pass;
  Reply reply;
};

// The client spoke out of turn, or in a way that tells of a bot.
struct Note {
  enum class Kind : std::uint8_t { Pipelining, BareLf };
  Kind kind = Kind::Pipelining;
  Verb after = Verb::Unknown;  // the command in hand; Unknown before the first
  std::string bytes;           // the first of them, at most 100, as they came
  std::size_t count = 0;       // how many were there

  bool operator==(const Note&) const = default;
};

struct Action {
  enum class Kind : std::uint8_t {
    ReadCommand,  // feed on_input(), on_timeout() or on_shutdown()
    Say,          // write `reply` to the client
    Judge,        // answer with on_judgement(); the command is command()
    Ask,          // answer with on_backend_reply(); the question is `question`
    RelayBody,    // answer with on_body_complete() or on_body_refused()
    DropBackend,  // say QUIT to the backend and close it, if it is open
    StartTls,     // throw away all that has come, say `reply`, shake hands; on_tls_established()
    Note,         // tell the log
    Close,        // the end
  };
  Kind kind = Kind::ReadCommand;
  Reply reply;
  bool is_complaint = false;  // Say: about a line that was no good command
  std::string said;           // that line, at most 100 bytes
  Question question;
  Note note;
};

class ServerDialog {
 public:
  // `hostname` and the id are said in replies and must live as long as the dialog.
  ServerDialog(std::string_view hostname, std::string_view session_id, const ServerLimits& limits)
      : hostname_(hostname), session_id_(session_id), limits_(limits) {}

  Action next_action();

  // What the next EHLO offers. What was offered once holds until then.
  void set_offer(const Offer& offer) { next_offer_ = offer; }
  // What the client was offered, or would be.
  const Offer& offer() const { return helo_.empty() ? next_offer_ : offer_; }

  // Events. Each is legal only as the answer to the action named above.
  // Takes at most one line from the front of `input`.
  void on_input(std::string_view& input);
  // Bytes that are there before their turn, e.g. while the backend was asked: noted if not allowed.
  void on_unexpected_input(std::string_view waiting);
  // Bytes that came together with the end of a message. RFC 2920 3.1 allows the next command there.
  void on_input_behind_body(std::string_view waiting);
  void on_judgement(const Judgement& judgement);
  void on_backend_reply(const Reply& reply);
  void on_body_complete();
  void on_body_refused(const Reply& reply);
  // RFC 3207 4.2: nothing that the client said in plaintext counts any more.
  void on_tls_established();
  // The command did not come in time.
  void on_timeout();
  // We stop: the transaction in hand may be finished, then 421.
  void on_shutdown() { shutting_down_ = true; }
  // The same, because the memory is needed for others.
  void on_memory_shortage() { shutting_down_ = gives_way_ = true; }
  // A limit outside of the dialog was reached (time of the session): `reply`, and the end.
  void on_limit(Reply reply);

  // The command in hand (the last one that was parsed well).
  const Command& command() const { return command_; }
  Verb verb_in_hand() const { return verb_in_hand_; }
  // HELO or EHLO as it was said; empty before.
  const std::string& helo() const { return helo_; }
  bool is_esmtp() const { return is_esmtp_; }
  // MAIL of the open transaction has announced 8-bit text.
  bool allows_eight_bit() const { return transaction_ && announces_eight_bit(transaction_->mail); }
  // A limit, a timeout or a stop of ours ended it.
  bool gave_up() const { return !limit_reached_.empty(); }
  // What ended it, in our reply's words.
  const std::string& limit_reached() const { return limit_reached_; }
  bool is_shutting_down() const { return shutting_down_; }
  bool gives_way() const { return gives_way_; }
  // A command, good or bad, was read.
  bool has_begun() const { return commands_ != 0; }
  std::uint32_t commands() const { return commands_ + accepted_recipients_; }
  // The line that will be complained about next; nullptr: it was a good command.
  const std::string* complaint() const { return complained_ ? &said_ : nullptr; }
  // Its verb, if it has one.
  Verb bad_verb() const { return bad_verb_; }
  // What has come of a line that has no end yet.
  std::string_view unfinished_line() const { return reader_.kept(); }
  // The message in hand goes to nobody: read it, say it was taken, and give it to no backend.
  bool is_discarding() const { return transaction_ && transaction_->asked == 0; }
  // QUIT was said.
  bool has_quit() const { return has_quit_; }

 private:
  enum class Step : std::uint8_t {
    Greet,
    Read,
    JudgeMail,
    AskMail,
    JudgeRcpt,
    AskHeldMail,
    AskRcpt,
    AskData,
    RelayBody,
    AskEndOfData,
    AskRset,
    StartTls,
    Close,
  };
  struct Transaction {
    Command mail;
    bool is_held = false;  // the backend has not seen MAIL yet
    bool allows_utf8 = false;
    std::uint32_t accepted = 0;
    std::uint32_t asked = 0;  // of these the backend has accepted; the others are discarded
  };

  void note_pipelining(std::string_view waiting);
  void execute(const Line& line);
  void execute(Command command);
  void hello(bool esmtp);
  void mail();
  void rcpt();
  void data();
  void rset();
  void quit();
  void start_tls();
  void after_held_mail(const Reply& reply);
  void count_accepted();
  void say(Reply reply);
  void complain(Reply reply);
  void hang_up(Reply reply);
  void end_transaction();
  std::string with_id(std::string_view text) const;

  std::string_view hostname_;
  std::string_view session_id_;
  ServerLimits limits_;
  Offer next_offer_;
  Offer offer_;  // as it was said

  LineReader reader_;
  Command command_;
  Verb verb_in_hand_ = Verb::Unknown;
  Verb bad_verb_ = Verb::Unknown;
  std::string helo_;
  bool is_esmtp_ = false;
  bool is_tls_ = false;
  std::unique_ptr<Transaction> transaction_;  // on the heap: an idle session has none

  Step step_ = Step::Greet;
  std::optional<Reply> reply_;   // to be said before anything else
  std::string said_;             // the line that reply_ complains about
  Rare<Note> note_;              // to be told before that
  std::size_t noted_ahead_ = 0;  // octets that were noted and not taken yet: one batch is one note
  bool complained_ = false;
  bool drop_backend_ = false;
  bool shutting_down_ = false;
  bool gives_way_ = false;
  std::string limit_reached_;
  bool has_quit_ = false;
  std::uint32_t commands_ = 0;  // without accepted recipients
  std::uint32_t accepted_recipients_ = 0;
  std::uint32_t errors_ = 0;
  std::uint32_t transactions_ = 0;
};

// What a line that is no good command is answered.
Reply reply_to(const CommandError& error);

}  // namespace smtpguard::smtp
