// The part of Session that tells the inquiry what the client does, and the dialog what the judge
// says.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/session/session.hpp"

namespace smtpguard::session {

namespace {

// What of the reasons stands in a header line: it must stay below 998 octets (RFC 5322 2.1.1).
constexpr std::size_t kTagReasons = 800;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

filters::Mailbox mailbox_of(const smtp::Path& path) {
  return {path.local_part, path.domain, path.source_route};
}

}  // namespace

void Session::learn_from_input() {
  if (dialog_.complaint() != nullptr) {
    learn_from_complaint();
  }
  if (dialog_.helo() != facts_.helo) {
    facts_.misbehaviour.helo_changes += facts_.helo.empty() ? 0U : 1U;
    facts_.helo = dialog_.helo();
    facts_.is_esmtp = dialog_.is_esmtp();
    inquiry_->investigation.pursue(SteadyClock::now());
    has_news_ = true;
  }
  if (std::exchange(has_news_, false)) {
    drop_if_due();
  }
}

void Session::learn_from_complaint() {
  filters::Misbehaviour& seen = facts_.misbehaviour;
  const std::string& line = *dialog_.complaint();
  const bool is_unknown = dialog_.verb_in_hand() == smtp::Verb::Unknown;
  seen.unknown_commands += is_unknown ? 1U : 0U;
  seen.auth += dialog_.verb_in_hand() == smtp::Verb::Auth ? 1U : 0U;
  seen.control_bytes += std::any_of(line.begin(), line.end(), is_control) ? 1U : 0U;
  has_news_ = true;
}

void Session::drop_if_due() {
  const filters::Verdict verdict = inquiry_->judge.of_client(facts_);
  if (verdict.kind == filters::Verdict::Kind::Drop) {
    drop(verdict);
  }
}

void Session::drop(const filters::Verdict& verdict) {
  tell(verdict);
  record_.ending = filters::Ending::Dropped;
  record_.ending_detail = verdict.rule;
  ++record_.refused;
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
  const smtp::Command& command = dialog_.command();
  record_.sender = fmt::format("<{}>", command.path.address());
  ++record_.transactions;
  tag_.reset();
  facts_.sender = mailbox_of(command.path);
  inquiry_->investigation.pursue(SteadyClock::now());
  const filters::Verdict verdict = inquiry_->judge.of_client(facts_);
  if (verdict.kind == filters::Verdict::Kind::Drop) {
    drop(verdict);
    return;
  }
  smtp::Judgement judgement;
  judgement.kind = verdict.refuses() ? smtp::Judgement::Kind::Hold : smtp::Judgement::Kind::Pass;
  dialog_.on_judgement(judgement);
}

net::Awaitable<void> Session::judge_recipient() {
  facts_.recipient = mailbox_of(dialog_.command().path);
  inquiry_->investigation.pursue(SteadyClock::now());
  co_await wait_for_answers();
  const filters::Verdict verdict = inquiry_->judge.of_recipient(facts_);
  facts_.recipient.reset();
  tell(verdict);
  record_.relay_attempts += verdict.rule.starts_with("relay.") ? 1U : 0U;
  smtp::Judgement judgement;
  switch (verdict.kind) {
    case filters::Verdict::Kind::Drop:
      drop(verdict);
      co_return;
    case filters::Verdict::Kind::Refuse:
    case filters::Verdict::Kind::Defer:
      reason_ = verdict.rule == "score" ? fmt::format("score {}", verdict.score) : verdict.rule;
      judgement.kind = smtp::Judgement::Kind::Refuse;
      judgement.reply = with_id(smtp::make_reply(verdict.code, verdict.enhanced, verdict.text));
      break;
    case filters::Verdict::Kind::Discard:
      reason_ = verdict.rule;
      judgement.kind = smtp::Judgement::Kind::Discard;
      break;
    case filters::Verdict::Kind::Tag:
      tag_ = verdict;
      break;
    case filters::Verdict::Kind::Pass:
      break;
  }
  dialog_.on_judgement(judgement);
}

// Late answers count until here, as long as their time is not over.
net::Awaitable<void> Session::wait_for_answers() {
  filters::Investigation& investigation = inquiry_->investigation;
  while (!investigation.is_complete()) {
    const TimePoint deadline = investigation.deadline();
    const net::Wake wake = co_await client_.nudged(deadline);
    investigation.look(wake == net::Wake::Deadline ? deadline : SteadyClock::now());
    if (wake == net::Wake::Abort || wake == net::Wake::Ready) {
      co_return;  // the client is gone
    }
  }
}

void Session::tell(const filters::Verdict& verdict) {
  for (const auto* reasons : {&verdict.counted, &verdict.observed, &verdict.unknown}) {
    for (const filters::Reason& reason : *reasons) {
      if (std::find(told_.begin(), told_.end(), reason.name) == told_.end()) {
        told_.push_back(reason.name);
        context_.log.finding(facts_, reason);
      }
    }
  }
  if (!record_.verdict || verdict.kind > record_.verdict->kind) {
    record_.verdict = verdict;
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
