#include "proxy/smtp/client_dialog.hpp"

#include <fmt/format.h>

#include <cassert>
#include <utility>

#include "conf/base/text.hpp"
#include "proxy/smtp/proxy_header.hpp"
#include "proxy/smtp/server_parameters.hpp"
#include "proxy/smtp/xclient.hpp"

namespace smtpguard::smtp {

namespace {

// "Bad sequence", "not implemented", "say STARTTLS or AUTH first": the client did nothing of the
// kind; this is between us and the backend (RFC 5321 4.2.4, 3207 4, 4954 6).
bool is_about_us(const Reply& reply) {
  switch (reply.code) {
    case 500:
    case 502:
    case 503:
    case 530:
    case 538:
      return true;
    default:
      return false;
  }
}

// The backend's own judgement of a client, to be told apart from a backend that is broken or badly
// configured: only the former may be final for the sender.
bool is_policy_refusal(const Reply& reply) {
  return reply.is_permanent_failure() && starts_with_ignoring_case(reply.enhanced, "5.7.") &&
         !is_about_us(reply);
}

bool is_eight_bit(const Parameter& parameter) {
  return parameter.keyword == "BODY" && equals_ignoring_case(parameter.value, "8BITMIME");
}

}  // namespace

Reply unavailable() {
  return make_reply(451, "4.3.0", "mail service is temporarily not available, please try again");
}

ClientAction ClientDialog::next_action() {
  ClientAction action;
  if (answer_) {
    action.kind = ClientAction::Kind::Answer;
    action.reply = std::move(*answer_);
    answer_.reset();
    return action;
  }
  if (!write_.empty()) {
    action.kind = ClientAction::Kind::Write;
    action.bytes = std::exchange(write_, {});
    return action;
  }
  switch (step_) {
    case Step::Closed:
    case Step::Ready:
    case Step::Body:
      action.kind = ClientAction::Kind::Idle;
      break;
    case Step::Connect:
      action.kind = ClientAction::Kind::Connect;
      break;
    case Step::Handshake:
      action.kind = ClientAction::Kind::Handshake;
      action.stage = ClientAction::Stage::Greeting;
      break;
    default:
      action.kind = ClientAction::Kind::Read;
      action.stage = stage();
      break;
  }
  return action;
}

ClientAction::Stage ClientDialog::stage() const {
  if (step_ == Step::Greeting) {
    return ClientAction::Stage::Greeting;
  }
  if (step_ == Step::Asked && question_.kind == Question::Kind::Data) {
    return ClientAction::Stage::Data;
  }
  if (step_ == Step::Asked && question_.kind == Question::Kind::EndOfData) {
    return ClientAction::Stage::EndOfData;
  }
  return ClientAction::Stage::Command;
}

void ClientDialog::ask(Question question) {
  assert(step_ == Step::Closed || step_ == Step::Ready || step_ == Step::Body);
  question_ = std::move(question);
  if (step_ != Step::Closed) {
    return write_question();
  }
  const bool may_open =
      question_.kind == Question::Kind::Mail || question_.kind == Question::Kind::Learn;
  if (is_over_ || !may_open) {
    return answer(unavailable());
  }
  step_ = Step::Connect;
}

void ClientDialog::on_connected() {
  assert(step_ == Step::Connect);
  step_ = Step::Greeting;
  if (identity_.hand_off == HandOff::ProxyV2) {
    write_ = identity_.is_probe
                 ? build_proxy_v2_local()
                 : build_proxy_v2(identity_.client, identity_.destination, identity_.session_id,
                                  identity_.client_tls ? &*identity_.client_tls : nullptr);
  } else if (identity_.hand_off == HandOff::ProxyV1) {
    write_ = build_proxy_v1(identity_.client, identity_.destination);
  }
}

void ClientDialog::on_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    // What comes before our command was written cannot answer it: two replies to one EHLO would
    // shift all that follow, and the 250 for one recipient would be told for another.
    const bool reply_is_due = step_ != Step::Ready && step_ != Step::Closed &&
                              step_ != Step::Connect && step_ != Step::Handshake && !answer_ &&
                              write_.empty();
    if (!reply_is_due) {
      return on_unasked(bytes);
    }
    auto reply = reader_.next(bytes);
    if (!reply) {
      return;
    }
    if (reply->has_error()) {
      return fail(fmt::format("answered {} with no proper reply: {}", what_was_asked(),
                              reply->error().text));
    }
    on_reply(reply->value());
    if (is_over_) {
      return;
    }
  }
  if (step_ == Step::Body && reader_.is_midway()) {
    fail("began to answer before the end of the message");
  }
}

// The answer that came together with something unasked cannot be trusted: a 250 may have been said
// before the message, and what follows is then its refusal. Only a farewell may follow.
void ClientDialog::on_unasked(std::string_view bytes) {
  const auto next = reader_.next(bytes);
  const bool is_farewell = next && next->has_value() && next->value().code == 421 && bytes.empty();
  std::optional<Reply> kept = is_farewell ? answer_ : std::nullopt;
  fail("sent bytes that answer nothing");
  if (kept) {
    answer_ = std::move(kept);
  }
}

void ClientDialog::on_lost(std::string_view why) {
  switch (step_) {
    case Step::Connect:
      return fail(why);
    case Step::Closed:
    case Step::Ready:
      return fail(fmt::format("{} between two commands", why));
    case Step::Body:
      return fail(fmt::format("{} inside the message", why));
    default:
      return fail(fmt::format("{} while the answer to {} was due", why, what_was_asked()));
  }
}

void ClientDialog::on_reply(const Reply& reply) {
  switch (step_) {
    case Step::Greeting:
      return on_greeting(reply);
    case Step::Ehlo:
    case Step::Helo:
    case Step::Ehlo2:
    case Step::Helo2:
      return on_hello(reply);
    case Step::StartTls:
      return on_start_tls(reply);
    case Step::Xclient:
      return on_xclient(reply);
    case Step::Asked:
      return on_answer(reply);
    case Step::Body:
      return on_reply_in_body(reply);
    case Step::Closed:
    case Step::Connect:
    case Step::Handshake:
    case Step::Ready:
      break;
  }
  fail("answered what was not asked");
}

// A refusal before the end is the answer to the message; anything else is a backend out of step:
// seen with Postfix 3.7, which passes a premature 250 on as the acceptance of a message that is
// then refused.
void ClientDialog::on_reply_in_body(const Reply& reply) {
  fail(fmt::format("answered before the end of the message with {}", reply.summary()));
  if (reply.code >= 400 && reply.code != 421 && !is_about_us(reply)) {
    early_refusal_ = reply;
  }
}

void ClientDialog::on_greeting(const Reply& reply) {
  if (reply.code != 220) {
    return fail_with("greeted", reply);
  }
  say_hello(identity_.tls == BackendTls::Off ? first_hello() : Step::Ehlo);
}

ClientDialog::Step ClientDialog::first_hello() const {
  return identity_.is_esmtp || identity_.is_probe || identity_.hand_off == HandOff::Xclient
             ? Step::Ehlo
             : Step::Helo;
}

bool ClientDialog::knows_the_client() const {
  if (identity_.is_probe || identity_.hand_off == HandOff::None) {
    return false;
  }
  const bool before_xclient = step_ == Step::Greeting || step_ == Step::Ehlo ||
                              step_ == Step::Helo || step_ == Step::StartTls;
  return identity_.hand_off != HandOff::Xclient || !before_xclient;
}

bool ClientDialog::says_own_name(Step step) const {
  const bool is_first = step == Step::Ehlo || step == Step::Helo;
  return identity_.is_probe || (identity_.hand_off == HandOff::Xclient && is_first);
}

void ClientDialog::say_hello(Step step) {
  step_ = step;
  const bool esmtp = step == Step::Ehlo || step == Step::Ehlo2;
  Command hello;
  hello.verb = esmtp ? Verb::Ehlo : Verb::Helo;
  hello.argument = says_own_name(step) ? identity_.hostname : identity_.helo;
  write_ = to_wire(hello);
}

void ClientDialog::on_hello(const Reply& reply) {
  if (reply.code != 250) {
    // RFC 5321 3.2: a server that does not know EHLO is asked with HELO.
    const bool unknown = reply.code == 500 || reply.code == 502;
    if (unknown && (step_ == Step::Ehlo || step_ == Step::Ehlo2)) {
      has_extensions_ = false;
      return say_hello(step_ == Step::Ehlo ? Step::Helo : Step::Helo2);
    }
    // 504 and 550 to the client's own name are a judgement of that name (RFC 5321 3.5.3, 4.2.3).
    const bool about_the_name = !says_own_name(step_) && (reply.code == 504 || reply.code == 550);
    return fail_with("answered EHLO", reply, about_the_name);
  }
  const bool said_ehlo = step_ == Step::Ehlo || step_ == Step::Ehlo2;
  if (said_ehlo) {
    capabilities_ = parse_capabilities(reply.lines);
  }
  if (goes_on_with_tls()) {
    return;
  }
  // After a refused EHLO we have learned that there is nothing; a client's own HELO teaches
  // nothing.
  has_learned_ = said_ehlo || !has_extensions_;
  after_hello();
}

void ClientDialog::after_hello() {
  const bool xclient_is_due = identity_.hand_off == HandOff::Xclient && !identity_.is_probe &&
                              (step_ == Step::Ehlo || step_ == Step::Helo);
  if (!xclient_is_due) {
    return greeted();
  }
  if (capabilities_.xclient.empty()) {
    return fail("does not offer XCLIENT to us, but identity is xclient");
  }
  XclientFacts facts;
  facts.client = identity_.client;
  facts.destination = identity_.destination;
  facts.helo = identity_.helo;
  facts.is_esmtp = identity_.is_esmtp;
  xclient_ = build_xclient(facts, capabilities_.xclient);
  if (xclient_.empty()) {
    return fail("offers XCLIENT without ADDR, so it cannot be told the client's address");
  }
  step_ = Step::Xclient;
  write_ = xclient_.front();
}

void ClientDialog::on_xclient(const Reply& reply) {
  if (reply.code != 220) {
    return fail_with("answered XCLIENT", reply);
  }
  xclient_.erase(xclient_.begin());
  if (!xclient_.empty()) {
    write_ = xclient_.front();
    return;
  }
  say_hello(identity_.is_esmtp ? Step::Ehlo2 : Step::Helo2);
}

void ClientDialog::greeted() {
  step_ = Step::Ready;
  if (question_.kind == Question::Kind::Learn) {
    return answer(make_reply(250, "2.0.0", "ok"));
  }
  write_question();
}

void ClientDialog::write_question() {
  step_ = Step::Asked;
  switch (question_.kind) {
    case Question::Kind::Learn:
      step_ = Step::Ready;
      return answer(make_reply(250, "2.0.0", "ok"));
    case Question::Kind::Mail: {
      if (refuse_lacking_parameter()) {
        return;
      }
      Command mail = question_.command;
      if (!capabilities_.has_size || !has_extensions_) {
        std::erase_if(mail.parameters, [](const Parameter& p) { return p.keyword == "SIZE"; });
      }
      write_ = to_wire(mail);
      return;
    }
    case Question::Kind::Rcpt:
      if (refuse_lacking_parameter()) {
        return;
      }
      write_ = to_wire(question_.command);
      return;
    case Question::Kind::Data:
      write_ = "DATA\r\n";
      return;
    case Question::Kind::EndOfData:
      return;  // the body relay wrote it
    case Question::Kind::Rset:
      write_ = "RSET\r\n";
      return;
  }
}

// We offered what another backend, or this one to another client, could do: our matter, so 451.
bool ClientDialog::refuse_lacking_parameter() {
  for (const Parameter& parameter : question_.command.parameters) {
    const std::string& word = parameter.keyword;
    const bool needs_dsn = word == "RET" || word == "ENVID" || word == "NOTIFY" || word == "ORCPT";
    if ((is_eight_bit(parameter) && !capabilities_.eight_bit_mime) ||
        (word == "SMTPUTF8" && !capabilities_.smtp_utf8) || (needs_dsn && !capabilities_.dsn)) {
      trouble_ =
          fmt::format("does not offer {}, which the client was offered", word == "BODY" ? "8BITMIME"
                                                                         : needs_dsn    ? "DSN"
                                                                                        : word);
      step_ = Step::Ready;
      answer(unavailable());
      return true;
    }
  }
  return false;
}

void ClientDialog::on_answer(Reply reply) {
  const auto kind = question_.kind;
  const bool is_go_ahead = reply.code >= 300 && reply.code < 400;
  const bool fits =
      kind == Question::Kind::Data ? (reply.code == 354 || reply.code >= 400) : !is_go_ahead;
  if (!fits) {
    return fail(fmt::format("answered {} with {}", what_was_asked(), reply.summary()));
  }
  if (reply.code == 421 || is_about_us(reply)) {
    return fail(fmt::format("answered {} with {}", what_was_asked(), reply.summary()));
  }
  step_ = reply.code == 354 ? Step::Body : Step::Ready;
  answer(std::move(reply));
}

void ClientDialog::answer(Reply reply) {
  answer_ = std::move(reply);
}

void ClientDialog::fail_with(std::string_view why, const Reply& reply, bool final_for_client) {
  const bool is_judgement = final_for_client || (is_policy_refusal(reply) && knows_the_client());
  fail(fmt::format("{} with {}", why, reply.summary()));
  if (is_judgement) {
    answer_ = reply;
  }
}

std::string_view ClientDialog::hint() const {
  const bool is_early = step_ == Step::Greeting || step_ == Step::Ehlo || step_ == Step::Helo;
  if (!is_early || identity_.is_proven) {
    return "";
  }
  switch (identity_.hand_off) {
    case HandOff::ProxyV2:
      return "; does it expect PROXY version 2 here? (backend.identity)";
    case HandOff::ProxyV1:
      return "; does it expect PROXY version 1 here? (backend.identity)";
    case HandOff::Xclient:
    case HandOff::None:
      break;
  }
  return step_ == Step::Greeting ? "; does it wait for a PROXY header? (backend.identity)" : "";
}

void ClientDialog::fail(std::string_view why) {
  if (!is_over_) {
    trouble_ = fmt::format("{}{}", why, hint());
  }
  const bool answer_is_due = (step_ != Step::Ready && step_ != Step::Body) || answer_.has_value();
  is_over_ = true;
  write_.clear();
  step_ = Step::Closed;
  if (answer_is_due) {
    answer_ = unavailable();
  }
}

std::string_view ClientDialog::what_was_asked() const {
  switch (step_) {
    case Step::Greeting:
      return "the connection (its 220)";
    case Step::Ehlo:
    case Step::Ehlo2:
      return "EHLO";
    case Step::Helo:
    case Step::Helo2:
      return "HELO";
    case Step::StartTls:
      return "STARTTLS";
    case Step::Handshake:
      return "the TLS handshake";
    case Step::Xclient:
      return "XCLIENT";
    case Step::Asked:
      break;
    default:
      return "nothing";
  }
  switch (question_.kind) {
    case Question::Kind::Mail:
      return "MAIL";
    case Question::Kind::Rcpt:
      return "RCPT";
    case Question::Kind::Data:
      return "DATA";
    case Question::Kind::EndOfData:
      return "end of data";
    case Question::Kind::Rset:
      return "RSET";
    case Question::Kind::Learn:
      break;
  }
  return "nothing";
}

}  // namespace smtpguard::smtp
