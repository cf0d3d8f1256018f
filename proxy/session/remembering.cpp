#include "proxy/session/remembering.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "conf/base/text.hpp"
#include "filters/memory/identity.hpp"
#include "filters/memory/memory.hpp"
#include "filters/sender_origin.hpp"

namespace smtpguard::session {

namespace {

namespace memory = filters::memory;

bool is_asked_for(const Context& context, const Inquiry& inquiry) {
  return context.memory != nullptr && inquiry.facts.standing == filters::Standing::Stranger &&
         !inquiry.facts.is_monitor;
}

// Nobody writes to a trap by a slip of the pen: it weighs as so many unknown recipients.
constexpr float kTrapWeight = 10;

memory::Identity identity_of(Inquiry& inquiry) {
  if (!inquiry.is_identified && memory::has_name_answers(inquiry.facts)) {
    const filters::Chain& chain = *inquiry.config->rules.chain;
    memory::Identity found =
        memory::identify(inquiry.facts, chain.judge_by("network", inquiry.facts));
    inquiry.is_identified = true;
    if (!found.organisation.empty()) {
      inquiry.organisation = std::move(found.organisation);
    }
  }
  return {inquiry.facts.client.address,
          inquiry.organisation ? *inquiry.organisation : std::string()};
}

bool is_of_a_list(const filters::Reason& reason) {
  return reason.name.starts_with("dnsbl.") && reason.outcome != filters::Outcome::Pass;
}

// Lists that have said something, or nothing yet, are no ground for a pass.
bool has_clean_lists(const filters::Verdict& verdict) {
  return std::none_of(verdict.counted.begin(), verdict.counted.end(), is_of_a_list) &&
         std::none_of(verdict.observed.begin(), verdict.observed.end(), is_of_a_list) &&
         std::none_of(verdict.unknown.begin(), verdict.unknown.end(), is_of_a_list);
}

bool has_earned_pass(const Inquiry& inquiry, const filters::SessionRecord& record,
                     const filters::Verdict& of_client) {
  const bool is_let_through =
      !of_client.refuses() && (!record.verdict || !record.verdict->refuses());
  return record.delivered != 0 && is_let_through && inquiry.facts.dns.open() == 0 &&
         has_clean_lists(of_client);
}

// Who is refused for its past alone must not pay for that refusal as well, or it would last.
bool is_for_the_past(const filters::SessionRecord& record) {
  return record.verdict &&
         std::any_of(record.verdict->counted.begin(), record.verdict->counted.end(),
                     [](const filters::Reason& reason) {
                       return reason.name.starts_with("history.") &&
                              reason.outcome == filters::Outcome::Fail;
                     });
}

memory::Conduct conduct_of(const Inquiry& inquiry, const filters::SessionRecord& record,
                           const filters::Verdict& of_client) {
  const filters::Misbehaviour& seen = inquiry.facts.misbehaviour;
  memory::Conduct conduct;
  conduct.talked_early = seen.early != 0;
  conduct.pipelined = seen.pipelining != 0;
  conduct.spoke_no_smtp = seen.bare_lf != 0 || seen.control_bytes != 0 ||
                          seen.unknown_commands != 0 || seen.foreign || seen.message_line;
  conduct.counts.accepted = static_cast<float>(record.delivered);
  conduct.counts.refused = is_for_the_past(record) ? 0 : static_cast<float>(record.refused);
  conduct.counts.unknown = static_cast<float>(record.unknown_recipients);
  if (record.verdict && record.verdict->rule == "envelope.trap") {
    conduct.counts.unknown += kTrapWeight;
  }
  conduct.counts.early = conduct.talked_early || conduct.pipelined ? 1 : 0;
  conduct.counts.junk = conduct.spoke_no_smtp ? 1 : 0;
  conduct.has_waited_for_greeting = inquiry.has_waited;
  conduct.has_waited_for_replies = !inquiry.facts.remembered.is_known_good;
  conduct.has_earned_pass = !conduct.is_fault() && has_earned_pass(inquiry, record, of_client);
  return conduct;
}

memory::SenderVisit sender_of(Inquiry& inquiry) {
  memory::SenderVisit visit;
  visit.domain = filters::sender_domain(inquiry.facts);
  visit.is_confirmed = filters::has_confirmed_origin(inquiry.facts);
  visit.origins.push_back(filters::pools_of(inquiry.facts).front());
  const memory::Identity who = identity_of(inquiry);
  if (!who.organisation.empty()) {
    visit.origins.push_back(who.organisation);
  }
  return visit;
}

}  // namespace

void recall_address(const Context& context, Inquiry& inquiry) {
  // Without a memory nobody could ever come back.
  inquiry.facts.has_come_back = context.memory == nullptr || !context.memory->is_enabled();
  if (is_asked_for(context, inquiry)) {
    inquiry.facts.remembered =
        context.memory->recall({inquiry.facts.client.address, {}}, memory::wall_now());
  }
}

bool recall_name(const Context& context, Inquiry& inquiry) {
  if (!is_asked_for(context, inquiry) || inquiry.has_asked_memory_by_name ||
      !memory::has_name_answers(inquiry.facts)) {
    return false;
  }
  inquiry.has_asked_memory_by_name = true;
  if (inquiry.facts.remembered.is_known_good) {
    return true;
  }
  inquiry.facts.remembered = context.memory->recall(identity_of(inquiry), memory::wall_now());
  return inquiry.facts.remembered.is_known_good;
}

void recall_sender(const Context& context, Inquiry& inquiry) {
  inquiry.facts.correspondent.reset();
  if (!is_asked_for(context, inquiry)) {
    return;
  }
  auto known = context.memory->recall_sender(sender_of(inquiry), memory::wall_now());
  if (known) {
    inquiry.facts.correspondent = std::make_shared<const memory::Correspondent>(std::move(*known));
  }
}

// What postmaster takes of the condemned proves nothing.
void remember_sender(Context& context, Inquiry& inquiry, const filters::SessionRecord& record) {
  const bool is_condemned = record.verdict && record.verdict->refuses() &&
                            record.verdict->kind != filters::Verdict::Kind::Greylist;
  memory::SenderVisit visit = sender_of(inquiry);
  // In a cloud, or among a provider's lines, the neighbours are strangers to each other.
  if (!inquiry.facts.correspondent && identity_of(inquiry).organisation.empty()) {
    visit.origins.clear();
  }
  // Known by its network alone it vouches for nothing new, or one neighbour would for the next.
  if (!visit.is_confirmed && inquiry.facts.correspondent) {
    visit.origins = {inquiry.facts.correspondent->by};
  }
  if (is_asked_for(context, inquiry) && !is_condemned &&
      (visit.is_confirmed || inquiry.facts.correspondent)) {
    context.memory->learn_sender(visit, memory::wall_now());
  }
}

memory::GreylistAnswer ask_greylist(Context& context, Inquiry& inquiry) {
  const filters::SessionFacts& facts = inquiry.facts;
  if (context.memory == nullptr || !facts.sender || !facts.recipient) {
    return {true, {}, {}, {}};
  }
  memory::GreylistVisit visit;
  visit.pools = filters::pools_of(facts);
  visit.message =
      to_lower(fmt::format("{} {}", facts.sender->address(), facts.recipient->address()));
  const memory::Identity who = identity_of(inquiry);
  visit.own.emplace_back(memory::Key::address(who.client).text());
  if (!who.organisation.empty()) {
    visit.own.push_back(who.organisation);
  }
  return context.memory->greylist(visit, memory::wall_now());
}

void remember(Context& context, Inquiry& inquiry, filters::SessionRecord& record,
              const filters::Verdict& of_client) {
  if (!is_asked_for(context, inquiry)) {
    return;
  }
  const memory::Conduct conduct = conduct_of(inquiry, record, of_client);
  record.has_earned_pass = conduct.has_earned_pass;
  const memory::Moment now = memory::wall_now();
  context.memory->learn(identity_of(inquiry), conduct, now);
  // Whose block was lifted is not blocked again for what it did before.
  const bool is_new = conduct.counts.unknown > 0 || conduct.is_fault();
  if (!is_new || !filters::punishes(inquiry.policy.policy.posture())) {
    return;
  }
  if (const auto block = context.memory->punish(inquiry.facts.client.address, now)) {
    context.log.blocked(inquiry.facts, *block, true);
  }
}

}  // namespace smtpguard::session
