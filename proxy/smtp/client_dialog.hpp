// ClientDialog — our side of the conversation with one backend connection, as a machine without
// I/O. Owns: what the backend can do, the reply that is being read, the question in hand. Called
// by: Backend, which executes next_action() and feeds back what happened; transcripts; fuzz target.
// Fails: any trouble is an Answer of 451 with trouble() saying what it was; the connection is then
// over (is_over()) and the next MAIL needs a new one. Trouble here is never a 5xx for the client.
//
//   connect, PROXY header ──► 220 ──► EHLO ──► (STARTTLS ──► 220 ──► handshake ──► EHLO)
//   ──► (XCLIENT ──► 220 ──► EHLO) ──► the questions
//
// RFC 5321 4.2 (replies), 4.3.2 (which reply to what). A reply belongs to exactly one command:
// bytes that answer nothing end the connection, since it is out of step (a premature 250 would be
// taken for the acceptance of a message).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/base/ip_address.hpp"
#include "conf/base/tls_facts.hpp"
#include "proxy/smtp/capabilities.hpp"
#include "proxy/smtp/hand_off.hpp"
#include "proxy/smtp/question.hpp"
#include "proxy/smtp/reply.hpp"

namespace smtpguard::smtp {

// Whom we speak for.
struct ClientIdentity {
  HandOff hand_off = HandOff::ProxyV2;
  bool is_probe = false;  // we speak for ourselves: PROXY LOCAL, our own name in EHLO
  Endpoint client;
  Endpoint destination;  // where the client connected to
  std::string helo;      // as the client said it
  bool is_esmtp = true;
  std::string hostname;                // ours, for the EHLO before XCLIENT
  std::string session_id;              // PROXY v2 UNIQUE_ID
  std::optional<TlsFacts> client_tls;  // what the client speaks; PROXY v2 tells it
  BackendTls tls = BackendTls::Off;    // what we speak to the backend
  bool is_proven = false;              // that backend has answered to such a hand-off before
};

struct ClientAction {
  enum class Kind : std::uint8_t {
    Connect,    // then on_connected(), or on_lost()
    Write,      // `bytes`
    Read,       // on_bytes(), or on_lost(); `stage` gives the time
    Handshake,  // on_tls_established(), or on_handshake_failed()
    Answer,     // `reply` answers the question
    Idle,       // nothing is due: ask()
  };
  enum class Stage : std::uint8_t { Greeting, Command, Data, EndOfData };
  Kind kind = Kind::Idle;
  Stage stage = Stage::Command;
  std::string bytes;
  Reply reply;
};

// What a client hears of any trouble with the backend.
Reply unavailable();

class ClientDialog {
 public:
  explicit ClientDialog(ClientIdentity identity) : identity_(std::move(identity)) {}

  ClientAction next_action();

  // Legal when next_action() is Idle. A question other than Mail or Learn on a connection that is
  // not open is answered 451.
  void ask(Question question);

  void on_connected();
  void on_bytes(std::string_view bytes);
  void on_tls_established();
  // Whoever may speak plaintext has to do so in a new connection: this one is over.
  void on_handshake_failed(std::string_view why);
  // Connect failed, the backend closed, reset, or was too slow: "connect: connection refused".
  void on_lost(std::string_view why);

  // The hello is done and nothing is wrong: questions may be asked.
  bool is_open() const { return step_ == Step::Ready; }
  bool is_over() const { return is_over_; }
  // What went wrong, for the log: "answered EHLO with 502 5.5.2 error"; of what ended the
  // connection the first. Empty: nothing.
  const std::string& trouble() const { return trouble_; }
  // The backend refused the message (4xx, 5xx) before its end, which ends the connection as well:
  // we cannot send the rest of the lines without being taken at our word.
  const std::optional<Reply>& early_refusal() const { return early_refusal_; }
  // What the backend said to our EHLO; meaningful once is_open() was true.
  const Capabilities& capabilities() const { return capabilities_; }
  bool has_learned() const { return has_learned_; }
  bool has_failed_handshake() const { return has_failed_handshake_; }

 private:
  enum class Step : std::uint8_t {
    Closed,  // before Connect
    Connect,
    Greeting,
    Ehlo,
    Helo,
    StartTls,  // its 220
    Handshake,
    Xclient,  // its 220
    Ehlo2,    // after XCLIENT
    Helo2,
    Ready,
    Asked,  // the question's reply is due
    Body,   // after 354: the body relay writes; nothing is due from the backend
  };

  void on_reply(const Reply& reply);
  void on_reply_in_body(const Reply& reply);
  void on_greeting(const Reply& reply);
  void on_hello(const Reply& reply);
  void on_start_tls(const Reply& reply);
  void on_xclient(const Reply& reply);
  // The hello that comes first, or first under TLS.
  Step first_hello() const;
  // True: the hello that was answered is not the last word on TLS.
  bool goes_on_with_tls();
  void after_hello();
  void on_answer(Reply reply);
  void greeted();
  void write_question();
  void say_hello(Step step);
  bool says_own_name(Step step) const;
  bool knows_the_client() const;
  // What an administrator should look at first when a backend has never even greeted.
  std::string_view hint() const;
  void answer(Reply reply);
  // Out of step, lost, or refused: 451 for the client, and the connection is over.
  void fail(std::string_view why);
  void fail_with(std::string_view why, const Reply& reply, bool final_for_client = false);
  ClientAction::Stage stage() const;
  std::string_view what_was_asked() const;
  bool refuse_lacking_parameter();
  void on_unasked(std::string_view bytes);

  ClientIdentity identity_;
  Capabilities capabilities_;
  Question question_;
  ReplyReader reader_;
  Step step_ = Step::Closed;
  std::string write_;                 // to be written before anything else
  std::vector<std::string> xclient_;  // XCLIENT lines still to be said
  std::optional<Reply> answer_;
  std::optional<Reply> early_refusal_;
  std::string trouble_;
  bool is_over_ = false;
  bool has_learned_ = false;
  bool is_tls_ = false;
  bool is_tls_refused_ = false;
  bool has_failed_handshake_ = false;
  bool has_extensions_ = true;  // the backend took EHLO
};

}  // namespace smtpguard::smtp
