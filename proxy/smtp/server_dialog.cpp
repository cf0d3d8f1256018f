#include "proxy/smtp/server_dialog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>
#include <variant>

namespace smtpguard::smtp {

namespace {

constexpr std::size_t kNotedBytes = 100;

// RFC 2920 3.1: these may be followed by more in the same write, once PIPELINING was offered.
bool may_be_followed(Verb verb) {
  return verb == Verb::Rset || verb == Verb::Mail || verb == Verb::Rcpt;
}

Reply start_of_data() {
  return make_reply(354, "", "end data with <CR><LF>.<CR><LF>");
}

}  // namespace

Reply reply_to(const CommandError& error) {
  switch (error.kind) {
    case CommandError::Kind::UnknownVerb:
      return make_reply(500, "5.5.1", error.text);
    case CommandError::Kind::ControlBytes:
      return make_reply(501, "5.5.2", error.text);
    case CommandError::Kind::BadAddress:
      return make_reply(501, error.verb == Verb::Mail ? "5.1.7" : "5.1.3", error.text);
    case CommandError::Kind::NoName:
    case CommandError::Kind::BadName:
    case CommandError::Kind::Syntax:
      return make_reply(501, "5.5.4", error.text);
  }
  return make_reply(500, "5.5.1", error.text);
}

Action ServerDialog::next_action() {
  Action action;
  if (note_) {
    action.kind = Action::Kind::Note;
    action.note = std::move(*note_);
    note_.reset();
    return action;
  }
  if (drop_backend_) {
    drop_backend_ = false;
    action.kind = Action::Kind::DropBackend;
    return action;
  }
  if (step_ == Step::Greet) {
    step_ = Step::Read;
    reply_ = make_reply(220, "", fmt::format("{} ESMTP", hostname_));
  }
  if (!reply_ && step_ == Step::Read && shutting_down_ && !transaction_) {
    hang_up(
        make_reply(421, gives_way_ ? "4.7.0" : "4.3.2",
                   fmt::format("{} {}, please try again", hostname_,
                               gives_way_ ? "has too little memory at present" : "is closing")));
  }
  if (reply_) {
    action.kind = Action::Kind::Say;
    action.reply = std::move(*reply_);
    action.is_complaint = std::exchange(complained_, false);
    action.said = std::exchange(said_, {});
    reply_.reset();
    return action;
  }
  action.kind = Action::Kind::Ask;
  switch (step_) {
    case Step::Greet:
    case Step::Read:
      action.kind = Action::Kind::ReadCommand;
      break;
    case Step::JudgeMail:
    case Step::JudgeRcpt:
      action.kind = Action::Kind::Judge;
      break;
    case Step::AskMail:
    case Step::AskHeldMail:
      action.question = {Question::Kind::Mail, transaction_->mail};
      break;
    case Step::AskRcpt:
      action.question = {Question::Kind::Rcpt, command_};
      break;
    case Step::AskData:
      action.question.kind = Question::Kind::Data;
      break;
    case Step::AskEndOfData:
      action.question.kind = Question::Kind::EndOfData;
      break;
    case Step::AskRset:
      action.question.kind = Question::Kind::Rset;
      break;
    case Step::RelayBody:
      action.kind = Action::Kind::RelayBody;
      break;
    case Step::StartTls:
      action.kind = Action::Kind::StartTls;
      action.reply = make_reply(220, "2.0.0", "ready to start TLS");
      break;
    case Step::Close:
      action.kind = Action::Kind::Close;
      break;
  }
  return action;
}

void ServerDialog::on_input(std::string_view& input) {
  assert(step_ == Step::Read);
  const std::size_t given = input.size();
  const auto line = reader_.next(input);
  noted_ahead_ -= std::min(noted_ahead_, given - input.size());
  if (!line) {
    if (reader_.is_hopeless()) {
      hang_up(make_reply(421, "4.5.2", "line too long, closing"));
    }
    return;
  }
  execute(*line);
  if (!complained_) {
    said_ = {};
  }
  if (!input.empty() && step_ != Step::Close) {
    on_unexpected_input(input);
  }
}

void ServerDialog::on_unexpected_input(std::string_view waiting) {
  const bool allowed = offer_.pipelining && is_esmtp_ && may_be_followed(verb_in_hand_);
  if (!allowed) {
    note_pipelining(waiting);
  }
}

void ServerDialog::on_input_behind_body(std::string_view waiting) {
  if (!offer_.pipelining || !is_esmtp_) {
    note_pipelining(waiting);
  }
}

void ServerDialog::note_pipelining(std::string_view waiting) {
  if (note_ || waiting.size() <= noted_ahead_) {
    return;
  }
  noted_ahead_ = waiting.size();
  note_ = Note{Note::Kind::Pipelining, verb_in_hand_, std::string(waiting.substr(0, kNotedBytes)),
               waiting.size()};
}

void ServerDialog::execute(const Line& line) {
  said_ = line.text.substr(0, kNotedBytes);
  bad_verb_ = Verb::Unknown;
  if (++commands_ > limits_.commands) {
    hang_up(make_reply(421, "4.7.0", "too many commands in one session"));
    return;
  }
  if (line.bare_lf) {
    note_ = Note{Note::Kind::BareLf, verb_in_hand_, std::string(line.text.substr(0, kNotedBytes)),
                 line.text.size()};
    bad_verb_ =
        std::visit([](const auto& command) { return command.verb; }, parse_command(line.text));
    complain(make_reply(500, "5.5.2", "line ended by LF alone: CR LF is due (RFC 5321 2.3.8)"));
    return;
  }
  if (line.overlong) {
    complain(make_reply(500, "5.5.2", "line too long"));
    return;
  }
  ParsedCommand parsed = parse_command(line.text);
  if (const auto* error = std::get_if<CommandError>(&parsed)) {
    verb_in_hand_ = error->verb;
    bad_verb_ = error->verb;
    complain(reply_to(*error));
    return;
  }
  execute(std::get<Command>(std::move(parsed)));
}

void ServerDialog::execute(Command command) {
  command_ = std::move(command);
  verb_in_hand_ = command_.verb;
  bad_verb_ = command_.verb;
  switch (command_.verb) {
    case Verb::Helo:
      return hello(false);
    case Verb::Ehlo:
      return hello(true);
    case Verb::Mail:
      return mail();
    case Verb::Rcpt:
      return rcpt();
    case Verb::Data:
      return data();
    case Verb::Rset:
      return rset();
    case Verb::Quit:
      return quit();
    case Verb::Noop:
      return say(make_reply(250, "2.0.0", "ok"));
    case Verb::Vrfy:
      return say(make_reply(252, "2.5.2", "cannot verify; send mail and see"));
    case Verb::Help:
      return say(make_reply(214, "2.0.0", "HELO EHLO MAIL RCPT DATA RSET NOOP QUIT VRFY HELP"));
    case Verb::Auth:
      return complain(make_reply(503, "5.5.1", "AUTH is not offered here; use port 587 or 465"));
    case Verb::StartTls:
      return start_tls();
    case Verb::Expn:
    case Verb::Bdat:
    case Verb::Etrn:
    case Verb::Turn:
      return complain(make_reply(502, "5.5.1", "command not implemented"));
    case Verb::Unknown:
      break;
  }
  complain(make_reply(500, "5.5.1", "command not recognized"));
}

// RFC 5321 4.1.4: a second EHLO resets; the backend knows the old name, so it is opened anew.
void ServerDialog::hello(bool esmtp) {
  drop_backend_ = !helo_.empty();
  end_transaction();
  helo_ = command_.argument;
  is_esmtp_ = esmtp;
  offer_ = next_offer_;
  Reply reply = make_reply(250, "", hostname_);
  if (esmtp) {
    for (std::string& line : offered_lines(offer_)) {
      reply.lines.push_back(std::move(line));
    }
  }
  say(std::move(reply));
}

void ServerDialog::mail() {
  if (helo_.empty()) {
    return complain(make_reply(503, "5.5.1", "say EHLO or HELO first"));
  }
  if (transaction_) {
    return complain(make_reply(503, "5.5.1", "a transaction is open already"));
  }
  if (auto refusal = check_mail(command_, offer_, is_esmtp_)) {
    return complain(std::move(*refusal));
  }
  if (transactions_ >= limits_.transactions) {
    return hang_up(make_reply(421, "4.7.0", "too many messages in one session"));
  }
  step_ = Step::JudgeMail;
}

void ServerDialog::rcpt() {
  if (!transaction_) {
    return complain(make_reply(503, "5.5.1", "MAIL is due before RCPT"));
  }
  if (command_.path.is_null()) {
    return complain(make_reply(501, "5.1.3", "a recipient is needed"));
  }
  if (auto refusal = check_rcpt(command_, offer_, is_esmtp_, transaction_->allows_utf8)) {
    return complain(std::move(*refusal));
  }
  if (transaction_->accepted >= limits_.recipients) {
    return say(make_reply(452, "4.5.3", with_id("too many recipients for one message")));
  }
  step_ = Step::JudgeRcpt;
}

void ServerDialog::data() {
  if (!transaction_) {
    return complain(make_reply(503, "5.5.1", "MAIL and RCPT are due before DATA"));
  }
  if (transaction_->accepted == 0) {
    return complain(make_reply(503, "5.5.1", "no valid recipient"));
  }
  if (transaction_->asked == 0) {
    // All recipients are discarded: a backend that has seen MAIL forgets it.
    drop_backend_ = true;
    step_ = Step::RelayBody;
    return say(start_of_data());
  }
  step_ = Step::AskData;
}

void ServerDialog::rset() {
  const bool backend_has_it = transaction_ && !transaction_->is_held;
  if (backend_has_it) {
    step_ = Step::AskRset;
    return;
  }
  end_transaction();
  say(make_reply(250, "2.0.0", "ok"));
}

void ServerDialog::quit() {
  has_quit_ = true;
  drop_backend_ = true;
  end_transaction();
  say(make_reply(221, "2.0.0", "bye"));
  step_ = Step::Close;
}

void ServerDialog::start_tls() {
  if (is_tls_) {
    return complain(make_reply(503, "5.5.1", "TLS is in use already"));
  }
  if (offer().start_tls == StartTls::No) {
    return complain(make_reply(502, "5.5.1", "command not implemented"));
  }
  if (!is_esmtp_) {
    return complain(make_reply(503, "5.5.1", "say EHLO first"));
  }
  if (offer().start_tls == StartTls::Withheld) {
    return say(make_reply(454, "4.7.0", with_id("TLS is not available just now")));
  }
  drop_backend_ = true;
  end_transaction();
  step_ = Step::StartTls;
}

void ServerDialog::on_tls_established() {
  assert(step_ == Step::StartTls);
  step_ = Step::Read;
  is_tls_ = true;
  reader_.reset();
  noted_ahead_ = 0;
  helo_.clear();
  is_esmtp_ = false;
  offer_ = {};
}

void ServerDialog::on_judgement(const Judgement& judgement) {
  assert(step_ == Step::JudgeMail || step_ == Step::JudgeRcpt);
  const bool for_mail = step_ == Step::JudgeMail;
  step_ = Step::Read;
  if (judgement.kind == Judgement::Kind::Refuse) {
    return say(judgement.reply);
  }
  if (for_mail) {
    transaction_ = std::make_unique<Transaction>();
    transaction_->mail = command_;
    transaction_->allows_utf8 = has_parameter(command_, "SMTPUTF8");
    transaction_->is_held = judgement.kind == Judgement::Kind::Hold;
    ++transactions_;
    if (!transaction_->is_held) {
      step_ = Step::AskMail;
      return;
    }
    return say(make_reply(250, "2.1.0", "ok"));
  }
  if (judgement.kind == Judgement::Kind::Discard) {
    count_accepted();
    return say(make_reply(250, "2.1.5", "ok"));
  }
  step_ = transaction_->is_held ? Step::AskHeldMail : Step::AskRcpt;
}

void ServerDialog::count_accepted() {
  ++transaction_->accepted;
  --commands_;
  ++accepted_recipients_;
}

void ServerDialog::on_backend_reply(const Reply& reply) {
  const Step asked = step_;
  step_ = Step::Read;
  switch (asked) {
    case Step::AskMail:
      if (!reply.is_positive()) {
        end_transaction();
      }
      return say(reply);
    case Step::AskHeldMail:
      return after_held_mail(reply);
    case Step::AskRcpt:
      if (reply.is_positive()) {
        count_accepted();
        ++transaction_->asked;
      }
      return say(reply);
    case Step::AskData:
      // A refused DATA ends the transaction here and at the backend (RFC 5321 4.1.1.4): what
      // follows must begin with MAIL, or two sides would disagree about the recipients.
      if (reply.code != 354) {
        end_transaction();
        drop_backend_ = true;
        return say(reply);
      }
      step_ = Step::RelayBody;
      return say(start_of_data());
    case Step::AskEndOfData:
      end_transaction();
      return say(reply);
    case Step::AskRset:
      // Whatever became of the backend: nothing is left of the transaction.
      end_transaction();
      return say(make_reply(250, "2.0.0", "ok"));
    default:
      assert(false && "no question was asked");
  }
}

// The backend saw MAIL only now; its refusal answers the recipient (RFC 5321 allows any code
// there).
void ServerDialog::after_held_mail(const Reply& reply) {
  if (!reply.is_positive()) {
    return say(reply);
  }
  transaction_->is_held = false;
  step_ = Step::AskRcpt;
}

void ServerDialog::on_body_complete() {
  assert(step_ == Step::RelayBody);
  if (is_discarding()) {
    end_transaction();
    step_ = Step::Read;
    return say(make_reply(250, "2.0.0", "ok"));
  }
  step_ = Step::AskEndOfData;
}

void ServerDialog::on_body_refused(const Reply& reply) {
  assert(step_ == Step::RelayBody);
  end_transaction();
  step_ = Step::Read;
  say(reply);
}

void ServerDialog::on_timeout() {
  hang_up(make_reply(421, "4.4.2", fmt::format("{} timeout, closing", hostname_)));
}

void ServerDialog::on_limit(Reply reply) {
  note_.reset();  // what the client has sent beyond it is of no interest any more
  hang_up(std::move(reply));
}

void ServerDialog::say(Reply reply) {
  reply_ = std::move(reply);
}

void ServerDialog::complain(Reply reply) {
  complained_ = true;
  if (++errors_ > limits_.errors) {
    return hang_up(make_reply(421, "4.7.0", "too many errors in one session"));
  }
  reply.lines.front() = with_id(reply.lines.front());
  say(std::move(reply));
}

void ServerDialog::hang_up(Reply reply) {
  limit_reached_ = reply.lines.front();
  drop_backend_ = true;
  end_transaction();
  reply.lines.front() = with_id(reply.lines.front());
  reply_ = std::move(reply);
  step_ = Step::Close;
}

void ServerDialog::end_transaction() {
  transaction_.reset();
}

std::string ServerDialog::with_id(std::string_view text) const {
  return fmt::format("{} (session {})", text, session_id_);
}

}  // namespace smtpguard::smtp
