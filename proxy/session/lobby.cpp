#include "proxy/session/lobby.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "proxy/session/remembering.hpp"
#include "proxy/session/running.hpp"
#include "proxy/smtp/proxy_header.hpp"

namespace smtpguard::session {

namespace {

using filters::Ending;
using News = filters::Investigation::News;
using namespace std::chrono_literals;

constexpr Milliseconds kProxyHeaderTime = 5s;  // as Postfix's smtpd_upstream_proxy_timeout
constexpr std::size_t kPeeked = 4096;
// Who talks at once is here by then (or at the wheel's next tick), and the DNS need not be asked
// about it. Who is to wait so long anyway waits no longer for it.
constexpr Milliseconds kQuestionsAfter = 25ms;
constexpr Milliseconds kWorthPuttingOff = 1s;

}  // namespace

void Lobby::Visitor::on_deadline() noexcept {
  is_expired = true;
  cancel();
}

void Lobby::Visitor::cancel() noexcept {
  net::ErrorCode ignored;
  socket.cancel(ignored);
}

const GreetingSettings& Lobby::Visitor::greeting() const {
  return inquiry->config->greetings.find(listener->policy)->second;
}

bool Lobby::Visitor::is_greeted_at_once() const {
  return inquiry->facts.is_known_client();
}

Lobby::~Lobby() {
  context_.visitors -= visitors_.size();
  visitors_.clear_and_dispose([](Visitor* visitor) { delete visitor; });
}

void Lobby::receive(net::Socket socket, const Endpoint& client,
                    std::shared_ptr<const ListenerSettings> listener) {
  const bool is_front_end = listener->proxy_from.contains(client.address);
  net::ErrorCode error;
  const auto local = socket.local_endpoint(error);
  if (error) {
    return;  // connected and left: nothing happened
  }
  filters::SessionFacts facts;
  facts.id = make_session_id();
  facts.client = client;
  facts.listener = net::to_endpoint(local);
  auto inquiry = std::make_unique<Inquiry>(context_.config, context_.resolver, listener->policy,
                                           std::move(facts));
  auto visitor =
      std::make_unique<Visitor>(std::move(socket), std::move(listener), std::move(inquiry));
  if (is_closed_) {
    return dismiss(std::move(visitor), Ending::Shutdown, "");
  }
  if (!is_front_end) {
    return admit(std::move(visitor), nullptr);
  }
  // Not counted by Admission until the header has named the client.
  if (context_.visitors >= context_.config->limits.connections) {
    return dismiss(std::move(visitor), Ending::Refused, to_string(Admission::Refusal::Total));
  }
  visitor->proxy_header = std::make_unique<std::string>();
  const TimePoint deadline = visitor->began + kProxyHeaderTime;
  wait(std::move(visitor), deadline);
}

void Lobby::wait(Held visitor, TimePoint deadline) {
  Visitor& waiting = *visitor;
  waiting.is_expired = false;
  waiting.socket.async_wait(net::Socket::wait_read,
                            [this, &waiting](const net::ErrorCode&) { on_wake(waiting); });
  visitors_.push_back(*visitor.release());
  ++context_.visitors;
  context_.wheel.arm(waiting, deadline);
}

void Lobby::on_wake(Visitor& visitor) {
  const Counted in_hand(context_.visitors);  // until it is a session, or gone
  visitors_.erase(visitors_.iterator_to(visitor));
  --context_.visitors;
  Held held(&visitor);
  try {
    look_at(std::move(held));
  } catch (const std::exception& error) {
    context_.log.crash("a visitor", error.what());
  }
}

void Lobby::look_at(Held visitor) {
  visitor->disarm();
  if (is_closed_) {
    return dismiss(std::move(visitor), Ending::Shutdown, "");
  }
  if (const std::string_view why = visitor->displaced_for; !why.empty()) {
    return dismiss(std::move(visitor), Ending::Refused, why);
  }
  if (visitor->proxy_header) {
    return read_proxy_header(std::move(visitor));
  }
  on_early_window(std::move(visitor));
}

// Takes from the socket exactly the octets of the header: what stands behind it is the client's.
void Lobby::read_proxy_header(Held visitor) {
  std::string& header = *visitor->proxy_header;
  const net::Io peeked =
      net::peek_some(visitor->socket, std::span(context_.scratch.data(), kPeeked));
  if (peeked.status == net::Io::Status::Closed || peeked.status == net::Io::Status::Broken) {
    return dismiss(std::move(visitor), Ending::BadProxy, net::why(peeked));
  }
  std::string all = header;
  all.append(context_.scratch.data(), peeked.count);
  const smtp::ProxyParse parsed = smtp::parse_proxy_header(all);
  if (parsed.state == smtp::ProxyParse::State::Bad) {
    return dismiss(std::move(visitor), Ending::BadProxy, parsed.error);
  }
  const std::size_t to_take = parsed.header_bytes - header.size();
  if (to_take != 0) {
    net::read_some(visitor->socket, std::span(context_.scratch.data(), to_take));
    header = all.substr(0, parsed.header_bytes);
  }
  if (parsed.state == smtp::ProxyParse::State::NeedMore) {
    if (visitor->is_expired) {
      return dismiss(std::move(visitor), Ending::BadProxy, "no whole header in time");
    }
    const TimePoint deadline = visitor->began + kProxyHeaderTime;
    return wait(std::move(visitor), deadline);
  }
  visitor->proxy_header.reset();
  visitor->named = SteadyClock::now();
  if (parsed.header.is_local) {
    return admit(std::move(visitor), nullptr);
  }
  filters::SessionFacts& facts = visitor->inquiry->facts;
  const Endpoint front_end = std::exchange(facts.client, parsed.header.source);
  facts.listener = parsed.header.destination;
  admit(std::move(visitor), &front_end);
}

void Lobby::admit(Held visitor, const Endpoint* front_end) {
  const RuntimeConfig& config = *visitor->inquiry->config;
  filters::SessionFacts& facts = visitor->inquiry->facts;
  facts.spf = context_.spf.table();
  facts.standing = config.rules.site.standing_of(facts.client.address, facts.spf.get());
  facts.lists = context_.lists.health();
  facts.is_monitor = config.rules.site.networks.monitors.contains(facts.client.address);
  facts.is_quiet = filters::is_quiet(config.rules.site.access, facts);
  context_.log.connect(
      facts, filters::look_up(config.rules.site.access, facts.client.address, facts.spf.get()),
      front_end);
  const std::string block = block_of(*visitor, facts);
  if (!block.empty()) {
    return dismiss(std::move(visitor), Ending::Blocked, block);
  }
  recall_address(context_, *visitor->inquiry);
  auto place = find_place(*visitor);
  if (const auto* refusal = std::get_if<Admission::Refusal>(&place)) {
    return dismiss(std::move(visitor), Ending::Refused, to_string(*refusal));
  }
  visitor->ticket = std::get<Admission::Ticket>(std::move(place));
  tell_stress();
  if (facts.standing == filters::Standing::Stranger && !facts.is_monitor) {
    const auto too_much = context_.rates.take(Rates::What::Connections, facts.client.address,
                                              config.limits.connection_rate, SteadyClock::now());
    if (too_much) {
      return dismiss(std::move(visitor), Ending::Refused, *too_much);
    }
  }
  visitor->is_admitted = true;
  greet(std::move(visitor));
}

// When there is no room, silent strangers of this loop go first, so that the known come in.
std::variant<Admission::Ticket, Admission::Refusal> Lobby::find_place(Visitor& visitor) {
  const LimitSettings& limits = visitor.inquiry->config->limits;
  const IpAddress& client = visitor.inquiry->facts.client.address;
  const bool is_known = visitor.is_greeted_at_once();
  const auto rank = is_known ? Admission::Rank::Known : Admission::Rank::Stranger;
  auto place = context_.admission.enter(client, limits, rank);
  const auto* refusal = std::get_if<Admission::Refusal>(&place);
  if (refusal != nullptr && *refusal == Admission::Refusal::Total && is_known &&
      make_room("too many connections, and you have said nothing")) {
    return context_.admission.enter(client, limits, rank);
  }
  return place;
}

bool Lobby::make_room(std::string_view why) {
  for (Visitor& visitor : visitors_) {
    if (visitor.is_admitted && visitor.displaced_for.empty() && !visitor.is_greeted_at_once()) {
      visitor.displaced_for = why;
      visitor.ticket = Admission::Ticket();
      visitor.cancel();
      return true;
    }
  }
  return false;
}

void Lobby::tell_stress() {
  const LimitSettings& limits = context_.config->limits;
  const bool is_stressed = context_.admission.is_under_stress(limits);
  if (context_.admission.is_short_of_memory()) {
    return;  // of which its ceiling tells
  }
  // Each loop has a tarpit of its own; the log is told once for all of them.
  if (!std::exchange(is_stressed_, is_stressed) && is_stressed) {
    context_.tarpit.let_go();
  }
  if (context_.is_stress_told.exchange(is_stressed) == is_stressed) {
    return;
  }
  if (is_stressed) {
    context_.log.daemon().warning(fmt::format(
        "{} connections of at most {}: from now on strangers have {} for a command, and who says "
        "nothing makes room for the known",
        context_.admission.total(), limits.connections, format_duration(limits.stress_timeout)));
  } else {
    context_.log.daemon().info(fmt::format("{} connections: strangers have {} for a command again",
                                           context_.admission.total(),
                                           format_duration(limits.command_timeout)));
  }
}

// Why it is turned away, in words; empty: it is not.
std::string Lobby::block_of(const Visitor& visitor, const filters::SessionFacts& facts) {
  if (context_.memory == nullptr || facts.standing != filters::Standing::Stranger ||
      facts.is_monitor) {
    return {};
  }
  const std::optional<filters::memory::Block> block =
      context_.memory->block_of(facts.client.address, filters::memory::wall_now());
  const filters::NamedPolicy& policy =
      *visitor.inquiry->config->rules.policies.find(visitor.listener->policy);
  // What another listener found out by itself does not bind one that only watches.
  const bool is_ours = block && block->author == filters::memory::kOurselves;
  if (!block || (is_ours && !filters::punishes(policy.policy.posture()))) {
    return {};
  }
  context_.log.blocked(facts, *block, false);
  const std::string contact = policy.policy.contact();
  return fmt::format("{} is blocked until {}: {}; mend that and come back then{}{}",
                     block->network.to_string(), filters::memory::to_string(block->until),
                     block->reason, contact.empty() ? "" : "; ", contact);
}

void Lobby::greet(Held visitor) {
  Inquiry& inquiry = *visitor->inquiry;
  const GreetingSettings& greeting = visitor->greeting();
  if (visitor->is_greeted_at_once() || greeting.greet_delay == 0ms) {
    inquiry.has_waited = !visitor->is_greeted_at_once();
    return let_in(std::move(visitor));
  }
  if (greeting.teaser) {
    inquiry.is_teased = true;
    net::write_some(visitor->socket, fmt::format("220-{} ESMTP\r\n", inquiry.config->hostname));
  }
  // A visitor that still waits when the early window is over waits for the answers alone. Whose
  // name turns out to be known good waits no longer.
  inquiry.investigation.call_with_news([this, &waiting = *visitor](News news) {
    const bool is_known = recall_name(context_, *waiting.inquiry);
    const bool is_due = news == News::Complete &&
                        SteadyClock::now() >= waiting.named + waiting.greeting().greet_delay;
    if (is_known || is_due) {
      waiting.cancel();
    }
  });
  const bool is_put_off = greeting.greet_delay >= kWorthPuttingOff;
  if (!is_put_off) {
    ask_once(inquiry, visitor->named);
  }
  const TimePoint deadline = visitor->named + (is_put_off ? kQuestionsAfter : greeting.greet_delay);
  wait(std::move(visitor), deadline);
}

// All questions about the client are asked while it waits.
void Lobby::ask_once(Inquiry& inquiry, TimePoint since) {
  if (!std::exchange(inquiry.has_asked, true)) {
    inquiry.pursue(since);
  }
}

void Lobby::on_early_window(Held visitor) {
  Inquiry& inquiry = *visitor->inquiry;
  const net::Io peeked =
      net::peek_some(visitor->socket, std::span(context_.scratch.data(), kPeeked));
  switch (peeked.status) {
    case net::Io::Status::Closed:
      return dismiss(std::move(visitor), Ending::ClientClosed, "before the greeting");
    case net::Io::Status::Broken:
      return dismiss(std::move(visitor), Ending::ClientReset, "before the greeting");
    case net::Io::Status::WouldBlock: {
      const TimePoint now = visitor->is_expired ? std::max(SteadyClock::now(), visitor->deadline())
                                                : SteadyClock::now();
      const TimePoint window_end = visitor->named + visitor->greeting().greet_delay;
      const TimePoint last = visitor->named + visitor->greeting().greet_max;
      ask_once(inquiry, visitor->named);
      if (visitor->is_greeted_at_once()) {
        break;
      }
      if (now < window_end) {
        return wait(std::move(visitor), window_end);
      }
      inquiry.investigation.look(now);
      if (!inquiry.investigation.is_complete() && now < last) {
        const TimePoint deadline = std::min(last, inquiry.investigation.deadline());
        return wait(std::move(visitor), deadline);
      }
      inquiry.has_waited = true;
      break;
    }
    case net::Io::Status::Done: {
      ++inquiry.facts.misbehaviour.early;
      const std::chrono::duration<double> after = SteadyClock::now() - visitor->began;
      context_.log.early(inquiry.facts, {"early",
                                         "connect",
                                         {context_.scratch.data(), peeked.count},
                                         peeked.count,
                                         after.count()});
      if (context_.is_busy && inquiry.judge.is_past_saving(inquiry.facts)) {
        return send_away_early_talker(std::move(visitor), peeked.count);
      }
      break;
    }
  }
  let_in(std::move(visitor));
}

// Nothing would come of a session with it but work; 421, so that nothing is lost if it was wrong.
void Lobby::send_away_early_talker(Held visitor, std::size_t unread) {
  // A close with unread input would be a reset, and might overtake the reply.
  net::read_some(visitor->socket, std::span(context_.scratch.data(), unread));
  dismiss(std::move(visitor), Ending::Dropped,
          "you spoke before our greeting was over (RFC 5321 4.3.1)");
}

void Lobby::let_in(Held visitor) {
  Inquiry& inquiry = *visitor->inquiry;
  ask_once(inquiry, visitor->named);
  inquiry.investigation.call_with_news(nullptr);
  if (inquiry.facts.remembered.is_known_good) {
    context_.log.known(inquiry.facts);
  }
  begin_session_(Arrival{std::move(visitor->socket), std::move(visitor->ticket),
                         std::move(visitor->inquiry), visitor->began, visitor->listener->body});
}

void Lobby::dismiss(Held visitor, Ending ending, std::string_view detail) {
  const filters::SessionFacts& facts = visitor->inquiry->facts;
  filters::SessionRecord record;
  record.began = visitor->began;
  record.ending = ending;
  record.ending_detail = detail;
  if (ending == Ending::Refused || ending == Ending::Shutdown || ending == Ending::Blocked ||
      ending == Ending::Dropped) {
    const bool is_stop = ending == Ending::Shutdown;
    const auto reply =
        smtp::make_reply(421,
                         is_stop                     ? "4.3.2"
                         : ending == Ending::Blocked ? "4.7.1"
                                                     : "4.7.0",
                         fmt::format("{} {} (session {})", visitor->inquiry->config->hostname,
                                     is_stop ? "is closing, please try again" : detail, facts.id));
    net::write_some(visitor->socket, reply.to_wire());
    context_.log.reply(facts, nullptr, reply);
  }
  record.asn = filters::to_string(
      filters::origin_of(visitor->inquiry->config->rules.site.access.origins.get(), facts));
  if (visitor->is_admitted) {
    record.verdict =
        std::make_unique<const filters::Verdict>(visitor->inquiry->judge.of_client(facts));
    context_.lists.on_session_end(*record.verdict);
  }
  if (ending == Ending::Dropped) {
    remember(context_, *visitor->inquiry, record, *record.verdict);
  }
  context_.log.end(facts, record, SteadyClock::now());
}

void Lobby::close() {
  is_closed_ = true;
  for (Visitor& visitor : visitors_) {
    visitor.cancel();
  }
}

}  // namespace smtpguard::session
