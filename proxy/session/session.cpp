#include "proxy/session/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/session/body_relay.hpp"
#include "proxy/session/conduct.hpp"
#include "proxy/session/remembering.hpp"
#include "proxy/smtp/trace_header.hpp"

namespace smtpguard::session {

namespace {

using Kind = smtp::Action::Kind;
using filters::Ending;

// Commands are short; what a pipelining client sends beyond them stays in the socket.
constexpr std::size_t kCommandRead = 4096;
// A flood of notes must not become a flood of lines: the rest is counted in the summary.
constexpr std::uint32_t kNotesLogged = 5;

// For people: where in the session something happened.
std::string_view stage_of(smtp::Verb verb) {
  return verb == smtp::Verb::Unknown ? "an unknown command" : smtp::to_string(verb);
}

bool has_line(std::string_view bytes) {
  return bytes.find('\n') != std::string_view::npos;
}

smtp::ServerLimits dialog_limits(const LimitSettings& limits) {
  return {limits.recipients, limits.transactions, limits.commands, limits.errors};
}

}  // namespace

// The path of a session, from the greeting to the close.
net::Awaitable<void> Session::run() {
  const std::string_view early = client_.arrived_meanwhile();
  if (!early.empty() && facts_.misbehaviour.early == 0) {
    ++facts_.misbehaviour.early;
    context_.log.early(facts_, {"early", "connect", early, early.size(), seconds_since_connect()});
  }
  learn_from_first_bytes(early);
  has_more_to_answer_ = has_line(early);
  be_quiet_if_known();
  dialog_.set_offer(offer());
  note_news();
  if (!inquiry_->is_teased) {  // a greeting that has begun is finished
    drop_for_news();
  }
  while (!is_ended_) {
    auto action = std::make_unique<smtp::Action>(dialog_.next_action());
    switch (action->kind) {
      case Kind::ReadCommand:
        action.reset();  // it would be kept while we wait
        co_await read_command();
        break;
      case Kind::Say:
        co_await say(*action);
        break;
      case Kind::Judge:
        co_await judge();
        break;
      case Kind::Ask:
        co_await ask(action->question);
        break;
      case Kind::RelayBody:
        co_await relay_body();
        break;
      case Kind::StartTls:
        co_await start_tls(action->reply);
        break;
      case Kind::DropBackend:
        backend_.drop();
        break;
      case Kind::Note:
        tell(action->note);
        break;
      case Kind::Close:
        is_ended_ = true;
        break;
    }
  }
  if (client_.lost() == ClientChannel::Loss::None) {
    co_await flush();
  }
  finish();
  co_await client_.linger_and_close();
}

Session::Session(Context& context, Arrival arrival)
    : context_(context),
      inquiry_(std::move(arrival.inquiry)),
      config_(inquiry_->config),
      body_settings_(arrival.body),
      ticket_(std::move(arrival.ticket)),
      facts_(inquiry_->facts),
      ledger_entry_(context.ledger == nullptr
                        ? Ledger::Entry()
                        : context.ledger->open(facts_.id, facts_.client.to_string())),
      client_(context, std::move(arrival.socket), config_->limits.write_timeout),
      backend_(context, config_->backend, client_.wait()),
      dialog_(config_->hostname, facts_.id, dialog_limits(config_->limits)),
      command_deadline_(SteadyClock::now() + command_time()),
      session_deadline_(arrival.began + config_->limits.session_timeout) {
  record_.began = arrival.began;
  inquiry_->investigation.call_with_news([this](filters::Investigation::News news) {
    if (news == filters::Investigation::News::Complete) {
      client_.wait().nudge();
    }
  });
  ++context_.sessions;
}

Session::~Session() {
  --context_.sessions;
}

// Shorter for strangers while connections are short.
Milliseconds Session::command_time() const {
  const LimitSettings& limits = config_->limits;
  return !facts_.is_known_client() && context_.admission.is_under_stress(limits)
             ? std::min(limits.stress_timeout, limits.command_timeout)
             : limits.command_timeout;
}

net::Awaitable<void> Session::read_command() {
  drop_for_news();
  if (dialog_.gave_up()) {
    co_return;
  }
  const TimePoint deadline = std::min(command_deadline_, session_deadline_);
  const ClientChannel::Fill got = co_await client_.fill(deadline, false, kCommandRead);
  switch (got) {
    case ClientChannel::Fill::Input: {
      std::string_view input = client_.take();
      if (!dialog_.has_begun()) {
        learn_from_first_bytes(input);
      }
      dialog_.on_input(input);
      client_.keep(input);
      learn_from_input();
      break;
    }
    case ClientChannel::Fill::Nudge:
      break;  // the dialog was told already
    case ClientChannel::Fill::Deadline:
      record_.ending = Ending::Timeout;
      record_.ending_detail = fmt::format("command {}", where());
      if (deadline == session_deadline_) {
        record_.ending = Ending::Abuse;
        record_.ending_detail = "session too long";
        dialog_.on_limit(smtp::make_reply(421, "4.7.0", "session too long"));
      } else {
        dialog_.on_timeout();
      }
      break;
    case ClientChannel::Fill::Lost:
      is_ended_ = true;
      break;
  }
}

net::Awaitable<void> Session::say(const smtp::Action& action) {
  log_reply(action);
  if (is_to_be_slowed(action.reply)) {
    co_await slow_down();
    if (is_ended_) {
      co_return;
    }
  }
  const std::string bytes = action.reply.to_wire();
  const bool is_followed = std::exchange(has_more_to_answer_, false) || has_line(client_.kept());
  if (!is_followed || !client_.hold(bytes)) {
    const bool taken = co_await client_.write(bytes);
    is_ended_ = is_ended_ || !taken;
  }
  command_deadline_ = SteadyClock::now() + command_time();
}

net::Awaitable<void> Session::flush() {
  if (client_.is_holding()) {
    const bool taken = co_await client_.flush();
    is_ended_ = is_ended_ || !taken;
  }
}

net::Awaitable<void> Session::ask(const smtp::Question& question) {
  co_await flush();
  if (is_ended_) {
    co_return;
  }
  if (!backend_.is_connected()) {
    backend_.set_identity(identity());
    backend_.set_rank(facts_.is_known_client() ? Admission::Rank::Known
                                               : Admission::Rank::Stranger);
  }
  smtp::Reply reply = co_await backend_.ask(question);
  record_.backend = backend_.address().to_string();
  tell_backend_trouble();
  if (reply == smtp::unavailable()) {
    reason_ = "backend.unavailable";
    reply = with_id(std::move(reply));
  }
  dialog_.set_offer(offer());
  const std::string_view arrived = client_.arrived_meanwhile();
  if (question.kind == smtp::Question::Kind::EndOfData) {
    dialog_.on_input_behind_body(arrived);
  } else {
    dialog_.on_unexpected_input(arrived);
  }
  dialog_.on_backend_reply(reply);
}

net::Awaitable<void> Session::relay_body() {
  co_await flush();
  if (is_ended_) {
    co_return;
  }
  body_began_ = SteadyClock::now();
  BodyRelay relay(context_, client_, backend_,
                  {body_rules(), dialog_.offer().message_size, to_number(config_->limits.data_rate),
                   config_->limits.data_timeout, session_deadline_});
  const bool is_discarded = dialog_.is_discarding();
  if (is_discarded) {
    relay.discard();
    reason_ = "access.discard";
  }
  std::string preface = trace_header() + tag_header();
  body_ = &relay;
  ledger_entry_.set(Ledger::Stage::InMessage);
  const BodyRelay::Outcome outcome = co_await relay.run(std::move(preface));
  body_ = nullptr;
  body_octets_ = relay.octets();
  body_normalised_ = relay.normalised();
  record_.message_octets += body_octets_;
  body_reply_is_due_ = true;
  dialog_.on_input_behind_body(client_.kept());
  tell_backend_trouble();
  switch (outcome) {
    case BodyRelay::Outcome::Complete:
      is_discarded_ = is_discarded;
      dialog_.on_body_complete();
      break;
    case BodyRelay::Outcome::Refused:
      reason_ = relay.reason();
      dialog_.on_body_refused(reason_.empty() ? relay.reply() : with_id(relay.reply()));
      break;
    case BodyRelay::Outcome::ClientLost:
      record_.ending_detail = fmt::format("inside a message after {} octets", body_octets_);
      is_ended_ = true;
      break;
    case BodyRelay::Outcome::TooSlow:
      record_.ending = Ending::Timeout;
      record_.ending_detail = fmt::format("message after {} octets in {}", body_octets_,
                                          format_duration(std::chrono::duration_cast<Milliseconds>(
                                              SteadyClock::now() - body_began_)));
      dialog_.on_timeout();
      break;
    case BodyRelay::Outcome::TooMuch:
      record_.ending_detail = "message far beyond the size limit";
      dialog_.on_limit(relay.reply());
      break;
  }
}

smtp::Reply Session::with_id(smtp::Reply reply) const {
  reply.lines.front() += fmt::format(" (session {})", facts_.id);
  return reply;
}

void Session::tell(const smtp::Note& note) {
  note_news();
  const bool is_pipelining = note.kind == smtp::Note::Kind::Pipelining;
  std::uint32_t& counter =
      is_pipelining ? facts_.misbehaviour.pipelining : facts_.misbehaviour.bare_lf;
  if (++counter > kNotesLogged) {
    return;
  }
  // What follows DATA is a message, and its text is nobody's business but the recipient's.
  const bool is_text =
      note.after == smtp::Verb::Data || facts_.misbehaviour.message_line.has_value();
  // What follows AUTH may be name and password.
  const bool may_be_secret = note.after == smtp::Verb::Auth || facts_.misbehaviour.auth != 0;
  const std::string_view shown = is_text || may_be_secret ? std::string_view() : note.bytes;
  context_.log.early(facts_, {is_pipelining ? "pipelining" : "bare-lf", stage_of(note.after), shown,
                              note.count, seconds_since_connect()});
}

void Session::log_reply(const smtp::Action& action) {
  const smtp::Reply& reply = action.reply;
  const bool is_dropped = std::exchange(is_dropped_, false);
  const smtp::Verb verb = dialog_.verb_in_hand();
  const bool is_of_mail =
      verb == smtp::Verb::Mail || verb == smtp::Verb::Rcpt || verb == smtp::Verb::Data;
  const bool is_refusal = is_dropped || (is_of_mail && !action.is_complaint && !dialog_.gave_up());
  record_.errors += action.is_complaint ? 1U : 0U;
  record_.refused += reply.is_permanent_failure() && is_refusal ? 1U : 0U;
  record_.deferred += reply.is_temporary_failure() && is_refusal ? 1U : 0U;
  is_data_refused_ = verb == smtp::Verb::Data && !body_reply_is_due_ && !reply.is_positive();
  if (is_dropped && reason_.empty()) {
    return;
  }
  const smtp::Command& command = dialog_.command();
  if (std::exchange(body_reply_is_due_, false)) {
    ledger_entry_.set(Ledger::Stage::Open);
    if (std::exchange(is_discarded_, false)) {
      ++record_.discarded;
    } else {
      record_.delivered += reply.is_positive() ? 1U : 0U;
      if (reply.is_positive()) {
        remember_sender(context_, *inquiry_, record_);
      }
    }
    const std::chrono::duration<double> took = SteadyClock::now() - body_began_;
    context_.log.data(facts_, {body_octets_, took.count(), body_normalised_}, reply,
                      std::exchange(reason_, {}));
    return;
  }
  if (action.is_complaint) {
    const bool is_text = facts_.misbehaviour.message_line.has_value();
    if (!is_text || !std::exchange(is_text_told_, true)) {
      const std::string said = for_log({action.said, dialog_.bad_verb()}, facts_.misbehaviour);
      context_.log.reply(facts_, &said, reply);
    }
    return;
  }
  if (dialog_.gave_up() && !is_dropped) {
    context_.log.reply(facts_, nullptr, reply);
    return;
  }
  switch (verb) {
    case smtp::Verb::Helo:
    case smtp::Verb::Ehlo:
      context_.log.helo(facts_, is_starttls_withheld());
      record_.is_starttls_withheld = record_.is_starttls_withheld || is_starttls_withheld();
      break;
    case smtp::Verb::Mail:
      context_.log.mail(facts_, command, reply, std::exchange(reason_, {}));
      break;
    case smtp::Verb::Rcpt:
      // 5.1.x to a recipient that we let through.
      record_.unknown_recipients +=
          reason_.empty() && reply.is_permanent_failure() && reply.enhanced.starts_with("5.1.")
              ? 1U
              : 0U;
      record_.add_recipient(command.path.address(), reply.code);
      context_.log.rcpt(facts_, command, reply, std::exchange(reason_, {}));
      break;
    default:
      if (!reply.is_positive()) {
        const std::string said(smtp::to_string(verb));
        context_.log.reply(facts_, &said, reply);
      }
      break;
  }
}

void Session::tell_backend_trouble() {
  for (Backend::Trouble& trouble : backend_.take_troubles()) {
    filters::BackendTrouble told{trouble.address.to_string(), std::move(trouble.text)};
    context_.log.backend(facts_, told.address, told.text);
    record_.backend_trouble = std::move(told);
  }
}

std::string Session::where() const {
  return dialog_.has_begun() ? fmt::format("after {}", stage_of(dialog_.verb_in_hand()))
                             : "before any command";
}

Session::Glance Session::glance() const {
  return {facts_.client.to_string(),
          is_slowed_         ? "in the tarpit"
          : body_ != nullptr ? "inside a message"
                             : where(),
          dialog_.helo(), record_.began,
          record_.message_octets + (body_ != nullptr ? body_->octets() : 0)};
}

void Session::stop_gently() {
  dialog_.on_shutdown();
  client_.wait().nudge();
}

void Session::give_way() {
  dialog_.on_memory_shortage();
  client_.wait().nudge();
}

void Session::stop_now() {
  client_.wait().abort();
}

smtp::Offer Session::offer() const {
  smtp::Offer offer;
  // After a reload that named another backend, what is known of that one is not for our session.
  offer.capabilities = lead_to_the_same(config_->backend, context_.config->backend)
                           ? context_.backends.offered(addresses_of(config_->backend))
                                 .value_or(smtp::capabilities_before_any_backend())
                           : dialog_.offer().capabilities;
  const std::uint64_t ours = to_number(config_->limits.message_size);
  const std::uint64_t theirs = offer.capabilities.size;
  offer.message_size = theirs == 0 ? ours : std::min(ours, theirs);
  // Withheld from strangers (DESIGN section 3): who pipelines all the same gives itself away.
  // Nor could anybody slip commands in under TLS.
  offer.pipelining = facts_.standing == filters::Standing::Allowed ||
                     facts_.standing == filters::Standing::Local ||
                     facts_.remembered.is_known_good || client_.tls() != nullptr;
  if (config_->tls.context && client_.tls() == nullptr) {
    offer.start_tls = context_.failed_handshakes.knows(facts_.client.address, SteadyClock::now())
                          ? smtp::StartTls::Withheld
                          : smtp::StartTls::Offered;
  }
  return offer;
}

smtp::BodyRules Session::body_rules() const {
  smtp::BodyRules rules;
  rules.bare_lf = body_settings_.bare_lf;
  rules.allows_eight_bit = body_settings_.eight_bit == EightBit::Pass || dialog_.allows_eight_bit();
  return rules;
}

// DESIGN rule 8: a backend that is told the address in no other way gets it in the message.
std::string Session::trace_header() const {
  if (config_->backend.identity != Identity::None) {
    return {};
  }
  smtp::TraceFacts facts;
  facts.helo = facts_.helo;
  facts.client = facts_.client.address;
  facts.hostname = config_->hostname;
  facts.session_id = facts_.id;
  facts.is_esmtp = facts_.is_esmtp;
  const TlsFacts agreed = client_.tls() != nullptr ? client_.tls()->facts() : TlsFacts{};
  facts.tls = client_.tls() != nullptr ? &agreed : nullptr;
  facts.when = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return smtp::build_trace_header(facts);
}

smtp::ClientIdentity Session::identity() const {
  smtp::ClientIdentity identity;
  identity.hand_off = config_->backend.identity;
  identity.client = facts_.client;
  identity.destination = facts_.listener;
  identity.helo = dialog_.helo();
  identity.is_esmtp = dialog_.is_esmtp();
  identity.hostname = config_->hostname;
  identity.session_id = facts_.id;
  if (client_.tls() != nullptr) {
    identity.client_tls = client_.tls()->facts();
  }
  identity.tls = config_->backend.tls;
  return identity;
}

double Session::seconds_since_connect() const {
  return std::chrono::duration<double>(SteadyClock::now() - record_.began).count();
}

}  // namespace smtpguard::session
