#include "tests/support/dialog_stage.hpp"

#include <stdexcept>
#include <utility>

#include "conf/reader.hpp"

namespace smtpguard::test {

namespace {
constexpr std::string_view kHostname = "mx.example.org";
constexpr std::string_view kSessionId = "s3ss10n";

filters::Mailbox mailbox_of(const smtp::Path& path) {
  return {path.local_part, path.domain, path.source_route};
}

}  // namespace

filters::Verdict passed_by_default() {
  filters::Verdict verdict;
  verdict.policy = "default";
  return verdict;
}

std::shared_ptr<const filters::Rulebook> rulebook_of(const std::string& toml) {
  const bool names_recipients = toml.find("[recipients]") != std::string::npos;
  const auto document = conf::Document::parse(
      toml + (names_recipients ? "" : "\n[recipients]\ndomains = [\"example.org\"]\n"), "test");
  if (document.has_error()) {
    throw std::runtime_error(document.error().text);
  }
  conf::Reading reading(*document);
  conf::Reader root = reading.root();
  auto rules = std::make_shared<const filters::Rulebook>(
      filters::read_rulebook(root, std::string(kHostname)));
  reading.finish();
  if (reading.report().has_errors()) {
    throw std::runtime_error(reading.report().errors().front());
  }
  return rules;
}

std::shared_ptr<const filters::Rulebook> default_rulebook() {
  static const auto kRules = rulebook_of("");
  return kRules;
}

DialogStage::DialogStage(StageSettings settings)
    : settings_(std::move(settings)),
      judge_(*settings_.rules, *settings_.rules->policies.find("default")),
      server_(kHostname, kSessionId, settings_.limits) {
  server_.set_offer(settings_.offer);
}

Injection DialogStage::next_injection() {
  return inject(step_++);
}

bool DialogStage::run(std::size_t steps) {
  using Kind = smtp::Action::Kind;
  while (!is_over_ && step_ < steps) {
    smtp::Action action = server_.next_action();
    switch (action.kind) {
      case Kind::ReadCommand:
        read_command();
        break;
      case Kind::Say:
        if (std::exchange(end_of_data_was_asked_, false) && action.reply.is_positive()) {
          ++acknowledged_;
        }
        to_client_ += action.reply.to_wire();
        break;
      case Kind::Judge:
        judge();
        break;
      case Kind::Ask: {
        const bool is_end = action.question.kind == smtp::Question::Kind::EndOfData;
        const smtp::Reply reply = ask(std::move(action.question));
        end_of_data_was_asked_ = is_end;
        if (input_.empty()) {
          server_.on_unexpected_input(client_waits());
        }
        server_.on_backend_reply(reply);
        break;
      }
      case Kind::RelayBody:
        relay_body();
        break;
      case Kind::StartTls:
        start_tls(action.reply);
        break;
      case Kind::DropBackend:
        drop_backend();
        break;
      case Kind::Note:
        notes_.push_back(action.note);
        break;
      case Kind::Close:
        is_over_ = true;
        break;
    }
  }
  drop_backend();
  return is_over_;
}

void DialogStage::start_tls(const smtp::Reply& go_ahead) {
  to_client_ += go_ahead.to_wire();
  input_.clear();
  client_is_drained();
  if (backend_) {
    broken_rule_of_tls_ = "the backend's connection outlives STARTTLS";
  }
  if (settings_.handshake_fails || next_injection() != Injection::None) {
    is_over_ = true;
    return;
  }
  server_.on_tls_established();
  settings_.offer.start_tls = smtp::StartTls::No;
  settings_.offer.pipelining = true;
  server_.set_offer(settings_.offer);
}

void DialogStage::start_backend_tls() {
  if (has_rest_behind_reply_) {
    broken_rule_of_tls_ = "the backend's bytes behind its 220 were kept";
  }
  const Injection injected = next_injection();
  if (settings_.backend_handshake_fails || injected == Injection::HandshakeFails) {
    return backend_->on_handshake_failed("wrong version number");
  }
  if (injected == Injection::BackendGone || injected == Injection::BackendSlow) {
    return backend_->on_handshake_failed("timeout");
  }
  backend_->on_tls_established();
  is_backend_tls_ = true;
  observer_ = {};
}

void DialogStage::check_question(const smtp::Question& question) {
  if (question.kind == smtp::Question::Kind::Mail && server_.helo().empty()) {
    broken_rule_of_tls_ = "MAIL without a hello since TLS";
  }
}

void DialogStage::check_plaintext(std::string_view bytes) {
  if (settings_.backend_tls == smtp::BackendTls::Required && !is_backend_tls_ &&
      bytes.find("MAIL FROM:") != std::string_view::npos) {
    broken_rule_of_tls_ = "MAIL in plaintext";
  }
}

bool DialogStage::fill_input() {
  if (!input_.empty()) {
    return false;
  }
  auto bytes = client_says();
  if (!bytes) {
    is_over_ = true;
    return true;
  }
  input_ = std::move(*bytes);
  return false;
}

void DialogStage::read_command() {
  switch (next_injection()) {
    case Injection::ClientGone:
      is_over_ = true;
      return;
    case Injection::ClientSlow:
      return server_.on_timeout();
    case Injection::Stop:
      return server_.on_shutdown();
    default:
      break;
  }
  if (fill_input()) {
    return;
  }
  std::string_view input = input_;
  server_.on_input(input);
  input_.erase(0, input_.size() - input.size());
}

void DialogStage::judge() {
  const smtp::Command& command = server_.command();
  smtp::Judgement judgement;
  if (command.verb == smtp::Verb::Mail) {
    settings_.facts.sender = mailbox_of(command.path);
    settings_.facts.recipients = 0;
    if (judge_.of_client(settings_.facts).refuses()) {
      judgement.kind = smtp::Judgement::Kind::Hold;
    }
    return server_.on_judgement(judgement);
  }
  settings_.facts.recipient = mailbox_of(command.path);
  ++settings_.facts.recipients;
  const filters::Verdict verdict = judge_.of_recipient(settings_.facts);
  settings_.facts.recipient.reset();
  if (verdict.refuses()) {
    judgement.kind = smtp::Judgement::Kind::Refuse;
    judgement.reply = smtp::make_reply(verdict.code, verdict.enhanced, verdict.text);
  } else if (verdict.kind == filters::Verdict::Kind::Discard) {
    judgement.kind = smtp::Judgement::Kind::Discard;
  }
  server_.on_judgement(judgement);
}

smtp::Reply DialogStage::ask(smtp::Question question) {
  using Kind = smtp::ClientAction::Kind;
  const bool may_begin = question.kind == smtp::Question::Kind::Mail;
  const bool is_end = question.kind == smtp::Question::Kind::EndOfData;
  check_question(question);
  if (may_begin && (!backend_ || !backend_->is_open())) {
    smtp::ClientIdentity identity;
    identity.hand_off = settings_.hand_off;
    identity.tls = settings_.backend_tls;
    identity.client = settings_.facts.client;
    identity.destination = settings_.facts.listener;
    identity.helo = server_.helo();
    identity.is_esmtp = server_.is_esmtp();
    identity.hostname = kHostname;
    backend_.emplace(std::move(identity));
    to_backend_.emplace_back();
    observer_ = {};
    is_backend_tls_ = false;
  }
  if (!backend_) {
    return smtp::unavailable();
  }
  backend_->ask(std::move(question));
  while (true) {
    smtp::ClientAction action = backend_->next_action();
    if (action.kind == Kind::Answer) {
      if (!backend_->trouble().empty()) {
        trouble_ = backend_->trouble();
      }
      if (backend_->is_over()) {
        backend_.reset();
      }
      accepted_by_backend_ += is_end && action.reply.is_positive() ? 1U : 0U;
      return action.reply;
    }
    if (action.kind == Kind::Idle) {
      return smtp::unavailable();
    }
    if (action.kind == Kind::Handshake) {
      start_backend_tls();
      continue;
    }
    if (action.kind == Kind::Write) {
      check_plaintext(action.bytes);
      to_backend_.back() += action.bytes;
      continue;
    }
    const Injection injected = next_injection();
    if (injected == Injection::BackendGone || injected == Injection::BackendSlow) {
      backend_->on_lost(injected == Injection::BackendGone ? "closed the connection"
                                                           : "was silent for too long");
      continue;
    }
    if (action.kind == Kind::Connect) {
      if (backend_accepts()) {
        backend_->on_connected();
      } else {
        backend_->on_lost("connect: connection refused");
      }
      continue;
    }
    const auto bytes = backend_says();
    if (bytes) {
      backend_->on_bytes(*bytes);
      has_crossed_replies_ |= replies_in(*bytes) > 1 && !backend_->is_over();
    } else {
      backend_->on_lost("closed the connection");
    }
  }
}

std::size_t DialogStage::replies_in(std::string_view bytes) {
  std::size_t count = 0;
  has_rest_behind_reply_ = false;
  while (!bytes.empty()) {
    const auto reply = observer_.next(bytes);
    count += reply && reply->has_value() ? 1U : 0U;
    has_rest_behind_reply_ = count > 0 && !bytes.empty();
  }
  return count;
}

void DialogStage::relay_body() {
  const bool is_discarding = server_.is_discarding();
  smtp::BodyRules rules = settings_.body;
  rules.allows_eight_bit = rules.allows_eight_bit || server_.allows_eight_bit();
  smtp::DataDecoder decoder(rules);
  smtp::DataEncoder encoder;
  std::optional<smtp::Reply> refusal;
  const auto refuse = [&](const smtp::Reply& reply) {
    refusal = reply;
    backend_.reset();
  };
  while (true) {
    const Injection injected = next_injection();
    if (injected == Injection::ClientGone || fill_input()) {
      backend_.reset();
      is_over_ = true;
      return;
    }
    if (injected == Injection::ClientSlow) {
      backend_.reset();
      return server_.on_timeout();
    }
    if (injected == Injection::BackendGone && !refusal) {
      refuse(smtp::unavailable());
    }
    std::string_view input = input_;
    std::string out;
    bool is_complete = false;
    for (bool more = true; more;) {
      const smtp::BodyPiece piece = decoder.next(input);
      using Kind = smtp::BodyPiece::Kind;
      if (piece.kind == Kind::Lines) {
        encoder.lines(piece.text, out);
      } else if (piece.kind == Kind::Text) {
        encoder.text(piece.text, piece.ends_line, out);
      } else if (piece.kind == Kind::Fault) {
        refuse(smtp::make_reply(550, "5.6.0", to_string(piece.fault)));
      } else {
        is_complete = piece.kind == Kind::End;
        more = false;
      }
    }
    if (!refusal && decoder.octets() > settings_.size_limit) {
      refuse(smtp::make_reply(552, "5.3.4", "message too big"));
    }
    if (!refusal && !is_discarding) {
      if (is_complete) {
        encoder.end(out);
      }
      to_backend_.back() += out;
    }
    input_.erase(0, input_.size() - input.size());
    if (is_complete) {
      break;
    }
  }
  end_of_data_was_asked_ = !is_discarding;
  server_.on_input_behind_body(input_);
  if (refusal) {
    server_.on_body_refused(*refusal);
  } else {
    server_.on_body_complete();
  }
}

void DialogStage::drop_backend() {
  if (backend_ && backend_->is_open()) {
    to_backend_.back() += "QUIT\r\n";
  }
  backend_.reset();
}

}  // namespace smtpguard::test
