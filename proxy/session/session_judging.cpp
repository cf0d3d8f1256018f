// The part of Session that tells the inquiry what the client does, and the dialog what the judge
// says.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/session/conduct.hpp"
#include "proxy/session/remembering.hpp"
#include "proxy/session/session.hpp"

namespace smtpguard::session {

namespace {

using namespace std::chrono_literals;

// What of the reasons stands in a header line: it must stay below 998 octets (RFC 5322 2.1.1).
constexpr std::size_t kTagReasons = 800;

filters::Mailbox mailbox_of(const smtp::Path& path) {
  return {path.local_part, path.domain, path.source_route};
}

// The harder one, and of two that let the client go on the one that tells more.
bool is_worth_more(const filters::Verdict& one, const filters::Verdict& other) {
  const auto reasons = [](const filters::Verdict& verdict) {
    return verdict.counted.size() + verdict.observed.size();
  };
  return one.kind > other.kind ||
         (one.kind == other.kind && !one.refuses() && reasons(one) > reasons(other));
}

}  // namespace

void Session::learn_from_input() {
  if (dialog_.complaint() != nullptr) {
    learn_from_complaint();
  }
  facts_.is_esmtp = dialog_.is_esmtp();
  if (dialog_.helo() != facts_.helo) {
    facts_.misbehaviour.helo_changes += facts_.helo.empty() ? 0U : 1U;
    facts_.helo = dialog_.helo();
    be_quiet_if_known();
    inquiry_->pursue(SteadyClock::now());
    note_news();
  }
  drop_for_news();
}

void Session::learn_from_complaint() {
  learn_from_bad_line({*dialog_.complaint(), dialog_.bad_verb(), is_data_refused_},
                      facts_.misbehaviour);
  note_news();
}

void Session::learn_from_first_bytes(std::string_view bytes) {
  const std::string_view before = dialog_.unfinished_line();
  const bool is_new =
      before.empty() ? learn_from_bytes(bytes, facts_.misbehaviour)
                     : learn_from_bytes(fmt::format("{}{}", before, bytes), facts_.misbehaviour);
  if (is_new) {
    note_news();
  }
}

void Session::be_quiet_if_known() {
  facts_.is_quiet = facts_.is_quiet || filters::is_quiet(config_->rules.site.access, facts_);
}

void Session::drop_for_news() {
  if (std::exchange(has_news_, false)) {
    drop_if_due();
  }
}

void Session::drop_if_due() {
  if (!inquiry_->judge.may_drop(facts_)) {
    return;
  }
  const filters::Verdict verdict = inquiry_->judge.of_client(facts_);
  if (verdict.kind == filters::Verdict::Kind::Drop) {
    drop(verdict);
  }
}

void Session::drop(const filters::Verdict& verdict) {
  tell(verdict);
  record_.ending = filters::Ending::Dropped;
  record_.ending_detail = verdict.rule;
  reason_.clear();
  is_dropped_ = true;
  dialog_.on_limit(smtp::make_reply(verdict.code, verdict.enhanced, verdict.text));
}

net::Awaitable<void> Session::judge() {
  if (dialog_.command().verb == smtp::Verb::Mail) {
    judge_sender();
  } else {
    co_await judge_recipient();
  }
}

// MAIL of a condemned client costs no backend connection; the verdict is told at RCPT.
void Session::judge_sender() {
  reason_.clear();  // of a transaction that ended without another reply
  const smtp::Command& command = dialog_.command();
  record_.sender = fmt::format("<{}>", command.path.address());
  ++record_.transactions;
  tag_.reset();
  facts_.sender = mailbox_of(command.path);
  facts_.recipients = 0;
  facts_.correspondent.reset();
  is_unjudged_ = true;
  be_quiet_if_known();
  smtp::Judgement judgement;
  judgement.kind = smtp::Judgement::Kind::Hold;
  const bool may_be_saved = inquiry_->pursue(SteadyClock::now());
  if (may_be_saved || inquiry_->judge.may_drop(facts_)) {
    recall_sender(context_, *inquiry_);
    const filters::Verdict verdict = inquiry_->judge.of_client(facts_);
    if (verdict.kind == filters::Verdict::Kind::Drop) {
      drop(verdict);
      reason_ = verdict.rule;
      return;
    }
    judgement.kind = verdict.refuses() ? smtp::Judgement::Kind::Hold : smtp::Judgement::Kind::Pass;
  }
  dialog_.on_judgement(judgement);
}

net::Awaitable<void> Session::judge_recipient() {
  facts_.recipient = mailbox_of(dialog_.command().path);
  ++facts_.recipients;
  inquiry_->pursue(SteadyClock::now());
  co_await wait_for_answers(false);
  if (!inquiry_->investigation.is_all_answered() && inquiry_->judge.may_be_saved(facts_)) {
    co_await wait_for_answers(true);
  }
  be_quiet_if_known();
  recall_sender(context_, *inquiry_);
  filters::Verdict verdict = inquiry_->judge.of_recipient(facts_);
  if (verdict.kind == filters::Verdict::Kind::Greylist) {
    judge_again_who_came_back(verdict);
  }
  const auto too_much = take_of_rates(facts_.recipients == 1);
  // A refusal that is repeated says nothing of what was learnt since.
  const bool is_repeated = record_.verdict && record_.verdict->refuses();
  is_unjudged_ = is_unjudged_ && is_repeated;
  tell(verdict);
  facts_.recipient.reset();
  if (too_much && !verdict.refuses()) {
    refuse_for_now(*too_much);
    co_return;
  }
  if (verdict.refuses()) {
    learn_from_refusal();
  } else {
    has_passed_ = true;
  }
  record_.relay_attempts += verdict.rule.starts_with("relay.") ? 1U : 0U;
  smtp::Judgement judgement;
  switch (verdict.kind) {
    case filters::Verdict::Kind::Drop:
      drop(verdict);
      reason_ = verdict.rule;
      co_return;
    case filters::Verdict::Kind::Refuse:
    case filters::Verdict::Kind::Defer:
    case filters::Verdict::Kind::Greylist:
      reason_ = verdict.rule == filters::kScoreRule ? fmt::format("score {}", verdict.score)
                                                    : verdict.rule;
      judgement.kind = smtp::Judgement::Kind::Refuse;
      judgement.reply = with_id(smtp::make_reply(verdict.code, verdict.enhanced, verdict.text));
      break;
    case filters::Verdict::Kind::Discard:
      reason_ = verdict.rule;
      judgement.kind = smtp::Judgement::Kind::Discard;
      break;
    case filters::Verdict::Kind::Tag:
      tag_ = std::make_unique<const filters::Verdict>(verdict);
      break;
    case filters::Verdict::Kind::Pass:
      break;
  }
  dialog_.on_judgement(judgement);
}

// Of strangers everything counts, whatever it is answered.
std::optional<std::string> Session::take_of_rates(bool is_first_recipient) {
  if (facts_.standing != filters::Standing::Stranger || facts_.is_monitor) {
    return {};
  }
  const LimitSettings& limits = config_->limits;
  const IpAddress& client = facts_.client.address;
  const TimePoint now = SteadyClock::now();
  const auto too_much =
      context_.rates.take(Rates::What::Recipients, client, limits.recipient_rate, now);
  if (is_first_recipient) {
    // Of the message, so of all its recipients.
    message_too_much_.reset();
    if (auto messages =
            context_.rates.take(Rates::What::Messages, client, limits.message_rate, now)) {
      message_too_much_ = *std::move(messages);
    }
  }
  if (too_much || !message_too_much_) {
    return too_much;
  }
  return *message_too_much_;
}

void Session::refuse_for_now(const std::string& why) {
  reason_ = "limits.rate";
  smtp::Judgement judgement;
  judgement.kind = smtp::Judgement::Kind::Refuse;
  judgement.reply = with_id(smtp::make_reply(450, "4.7.1", why));
  dialog_.on_judgement(judgement);
}

// Who has come back once need not do it again in this session.
void Session::judge_again_who_came_back(filters::Verdict& verdict) {
  const filters::memory::GreylistAnswer answer = ask_greylist(context_, *inquiry_);
  context_.log.greylisted(facts_, answer);
  if (answer.has_come_back) {
    facts_.has_come_back = true;
    verdict = inquiry_->judge.of_recipient(facts_);
    return;
  }
  verdict.text.insert(filters::kGreylisted.size(),
                      fmt::format(", try again in {} seconds", answer.left.count()));
}

void Session::learn_from_refusal() {
  is_condemned_ = config_->limits.tarpit != 0ms && !has_passed_ &&
                  facts_.standing == filters::Standing::Stranger && !facts_.is_known_client() &&
                  inquiry_->judge.is_condemned(facts_);
}

// A last reply is not kept waiting: it frees the place. Nor is a backend kept for it.
bool Session::is_to_be_slowed(const smtp::Reply& reply) const {
  const bool is_refusal = reply.is_permanent_failure() || reply.is_temporary_failure();
  return is_condemned_ && !has_passed_ && is_refusal && !dialog_.gave_up() &&
         !dialog_.is_shutting_down() && !backend_.is_connected() &&
         !context_.admission.is_under_stress(config_->limits);
}

// What the client sends meanwhile stays in the socket.
net::Awaitable<void> Session::slow_down() {
  Tarpit::Place place(context_.tarpit, client_.wait());
  if (!context_.tarpit.enter(place, config_->limits.tarpit_connections)) {
    co_return;
  }
  ++record_.slowed;
  co_await flush();
  if (is_ended_) {
    co_return;
  }
  const TimePoint end = std::min(SteadyClock::now() + config_->limits.tarpit, session_deadline_);
  bool goes_on = true;
  is_slowed_ = true;
  while (goes_on) {
    const net::Wake wake = co_await client_.nudged(end);
    const bool is_gone =
        wake == net::Wake::Abort || (wake == net::Wake::Ready && client_.is_broken());
    goes_on = !is_gone && wake != net::Wake::Deadline && !place.is_let_go() &&
              !dialog_.is_shutting_down();
  }
  is_slowed_ = false;
  if (place.is_let_go()) {
    make_room();
  }
}

// Under load whoever has nothing to hope for goes first, with the refusal that it waited for.
void Session::make_room() {
  record_.ending = filters::Ending::Dropped;
  record_.ending_detail = "slowed down, and room was needed";
  dialog_.on_limit(smtp::make_reply(421, "4.7.0", "too many connections"));
}

// Late answers count until here, as long as their time is not over.
net::Awaitable<void> Session::wait_for_answers(bool also_slow) {
  filters::Investigation& investigation = inquiry_->investigation;
  if (also_slow ? investigation.is_all_answered() : investigation.is_complete()) {
    co_return;
  }
  co_await flush();
  while (!is_ended_ &&
         (also_slow ? !investigation.is_all_answered() : !investigation.is_complete())) {
    const TimePoint deadline = investigation.deadline();
    const net::Wake wake = co_await client_.nudged(deadline);
    investigation.look(wake == net::Wake::Deadline ? deadline : SteadyClock::now());
    const bool is_gone = wake == net::Wake::Ready && client_.is_broken();
    if (wake == net::Wake::Abort || is_gone) {
      co_return;
    }
  }
}

void Session::tell(const filters::Verdict& verdict) {
  tell_findings(verdict);
  if (!record_.verdict || is_worth_more(verdict, *record_.verdict)) {
    record_.verdict = std::make_unique<const filters::Verdict>(verdict);
    record_.verdict_about =
        facts_.recipient ? fmt::format("<{}>", facts_.recipient->address()) : "";
  }
}

// The recipients may have had another policy than the listener, and conduct may have become worse
// behind the last of them.
void Session::tell_of_client(const filters::Verdict& verdict) {
  if (record_.verdict && record_.verdict->kind != verdict.kind) {
    tell_findings(verdict);
  } else {
    tell(verdict);
  }
}

void Session::tell_findings(const filters::Verdict& verdict) {
  for (const auto* reasons : {&verdict.counted, &verdict.observed, &verdict.unknown}) {
    const bool is_observed = reasons == &verdict.observed;
    for (const filters::Reason& reason : *reasons) {
      if (std::find(told_.begin(), told_.end(), reason.name) == told_.end()) {
        told_.push_back(reason.name);
        context_.log.finding(facts_, reason, verdict.policy, is_observed);
      }
    }
  }
  for (const filters::Reason& reason : verdict.unknown) {
    if (const std::string_view label = list_label(reason.name); !label.empty()) {
      context_.lists.on_trouble(label, reason.detail);
    }
  }
}

// One line for people and for rules of the MTA behind us.
std::string Session::tag_header() const {
  if (!tag_) {
    return {};
  }
  std::string reasons;
  for (const filters::Reason& reason : tag_->counted) {
    reasons += fmt::format("{}{}", reasons.empty() ? "" : " ", filters::to_string(reason));
  }
  return fmt::format("X-Smtpguard: score={} ({}) session={}\r\n", tag_->score,
                     reasons.substr(0, kTagReasons), facts_.id);
}

}  // namespace smtpguard::session
