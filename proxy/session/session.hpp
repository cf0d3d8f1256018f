// Session — carries one client from the greeting to the close; knows no SMTP, judges nothing.
// Owns: the client's socket, the inquiry, the dialog, the backend connection, the record; all die
// with it.
// Called by: Worker, which spawns run() and keeps a list of the living.
// Fails: never outwards; every end is told in the record. An exception is a bug: the Worker counts
// it.
//
// smtp::ServerDialog says what is next, Session does it, and tells the dialog what came of it.
#pragma once

#include <boost/intrusive/list.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/rare.hpp"
#include "filters/session_record.hpp"
#include "filters/verdict.hpp"
#include "proxy/session/backend.hpp"
#include "proxy/session/client_channel.hpp"
#include "proxy/session/context.hpp"
#include "proxy/session/inquiry.hpp"
#include "proxy/smtp/server_dialog.hpp"

namespace smtpguard::session {

class BodyRelay;

// What the lobby hands over: a client whose greeting is due.
struct Arrival {
  net::Socket socket;
  Admission::Ticket ticket;
  std::unique_ptr<Inquiry> inquiry;
  TimePoint began;
  BodySettings body;
};

class Session : public boost::intrusive::list_base_hook<
                    boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Session(Context& context, Arrival arrival);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  net::Awaitable<void> run();

  // SIGTERM: the transaction in hand may end, then 421.
  void stop_gently();
  // SIGINT, or the end of the patience for it.
  void stop_now();

  // Whether it is a stranger's, with no message on the way, and nobody has asked it to go yet.
  bool may_give_way(bool has_spoken) const {
    return has_spoken == dialog_.has_begun() && !facts_.is_known_client() && body_ == nullptr &&
           !dialog_.is_shutting_down();
  }
  // Memory is short: the transaction in hand may end, then 421.
  void give_way();

  // run() ended by an exception: the summary is due all the same.
  void finish_crashed();

  const std::string& id() const { return facts_.id; }

  // How it is just now, for people.
  struct Glance {
    std::string client;
    std::string stage;
    std::string helo;
    TimePoint began;
    std::uint64_t octets = 0;  // of messages
  };
  Glance glance() const;

 private:
  Milliseconds command_time() const;
  net::Awaitable<void> read_command();
  // Awaited at once by run(), which owns what they refer to: copies would live in its frame.
  net::Awaitable<void> say(const smtp::Action& action);
  // What was said and held is out before anybody else is waited for.
  net::Awaitable<void> flush();
  net::Awaitable<void> slow_down();
  net::Awaitable<void> ask(const smtp::Question& question);
  net::Awaitable<void> relay_body();
  net::Awaitable<void> start_tls(const smtp::Reply& go_ahead);
  void remember_failed_handshake();
  net::Awaitable<void> judge();
  void judge_sender();
  net::Awaitable<void> judge_recipient();
  // Slowed down is only who is refused in any case, while nobody else wants its place.
  bool is_to_be_slowed(const smtp::Reply& reply) const;
  void learn_from_refusal();
  void make_room();
  // What is too much, in words.
  std::optional<std::string> take_of_rates(bool is_first_recipient);
  void refuse_for_now(const std::string& why);
  void judge_again_who_came_back(filters::Verdict& verdict);
  net::Awaitable<void> wait_for_answers(bool also_slow);
  // After each line of the client: what it tells of the client.
  void learn_from_input();
  void learn_from_complaint();
  // Before the first line is whole: other protocols know no lines.
  void learn_from_first_bytes(std::string_view bytes);
  void note_news() {
    has_news_ = true;
    is_unjudged_ = true;
  }
  void drop_for_news();
  // Known noise is told of no more.
  void be_quiet_if_known();
  // What ends a session at once does not wait for a recipient.
  void drop_if_due();
  void drop(const filters::Verdict& verdict);
  // Findings are told once, the hardest verdict is kept.
  void tell(const filters::Verdict& verdict);
  void tell_findings(const filters::Verdict& verdict);
  // At the end. What was told to the client is not replaced by what it was never told.
  void tell_of_client(const filters::Verdict& verdict);
  // Refused by the listener's policy, and nothing was learnt since.
  bool is_verdict_final() const {
    return !is_unjudged_ && record_.verdict && record_.verdict->refuses() &&
           record_.verdict->policy == inquiry_->policy.name && facts_.dns.asked() == 0;
  }
  void tell(const smtp::Note& note);
  void log_reply(const smtp::Action& action);
  void tell_backend_trouble();
  // Every refusal of ours can be found in the log.
  smtp::Reply with_id(smtp::Reply reply) const;
  void finish();
  filters::Ending ending_of_loss();
  // "after RCPT"
  std::string where() const;
  smtp::Offer offer() const;
  bool is_starttls_withheld() const {
    return facts_.is_esmtp && dialog_.offer().start_tls == smtp::StartTls::Withheld;
  }
  smtp::BodyRules body_rules() const;
  std::string trace_header() const;
  std::string tag_header() const;
  smtp::ClientIdentity identity() const;
  double seconds_since_connect() const;

  Context& context_;
  std::unique_ptr<Inquiry> inquiry_;
  std::shared_ptr<const RuntimeConfig> config_;
  BodySettings body_settings_;
  Admission::Ticket ticket_;
  Rare<std::string> message_too_much_;  // of the rates, as of its first recipient
  filters::SessionFacts& facts_;        // of the inquiry
  filters::SessionRecord record_;
  Ledger::Entry ledger_entry_;
  ClientChannel client_;
  Backend backend_;
  smtp::ServerDialog dialog_;

  TimePoint command_deadline_;
  TimePoint session_deadline_;
  const BodyRelay* body_ = nullptr;  // while it runs, in relay_body()
  std::string reason_;               // why our policy refused, for the log of the next reply
  std::vector<std::string> told_;    // names of findings
  std::unique_ptr<const filters::Verdict> tag_;  // the message in hand is marked with it
  // Something about the client's conduct is new: for who may be dropped, and for the next verdict.
  bool has_news_ = false;
  bool is_unjudged_ = true;
  bool has_more_to_answer_ = false;  // it has spoken before the greeting
  bool is_data_refused_ = false;     // the last command was a DATA without 354
  bool is_dropped_ = false;          // the next reply is told by the finding that caused it
  bool is_text_told_ = false;        // a message sent as commands is one line in the log
  std::uint64_t body_octets_ = 0;
  std::uint64_t body_normalised_ = 0;
  TimePoint body_began_;
  bool body_reply_is_due_ = false;
  bool is_discarded_ = false;  // and the reply is about a message that was thrown away
  bool is_slowed_ = false;     // it waits in the tarpit
  bool is_ended_ = false;
  bool has_passed_ = false;    // some recipient may have its message
  bool is_condemned_ = false;  // and none ever will
};

}  // namespace smtpguard::session
