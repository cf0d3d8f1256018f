#include "dns/ares_channel.hpp"

#include <algorithm>
#include <boost/asio/basic_waitable_timer.hpp>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "dns/ares_channel_lane.hpp"
#include "dns/delivery.hpp"
#include "dns/message.hpp"
#include "dns/query_ids.hpp"

namespace smtpguard::dns {
namespace {

using Timer = boost::asio::basic_waitable_timer<SteadyClock, boost::asio::wait_traits<SteadyClock>,
                                                boost::asio::io_context::executor_type>;
using Transport = Lane::Transport;

// A silent server is asked twice: the first datagram may have been lost.
constexpr int kMostTries = 2;
// When c-ares loses a connection it ends all questions on it, whatever the reason. Those who did
// not cause it deserve another try at once: one where the system says that nobody listens, more
// where a server closes connections that others still use.
constexpr int kMostLossesUdp = 1;
constexpr int kMostLossesTcp = 4;
// c-ares cuts datagrams at 512 octets (we do not ask for more): such a one may be whole or not.
constexpr std::size_t kLongestDatagram = 512;

enum class Standing : std::uint8_t { Unasked, Asked, Failed };

bool is_cut_short(std::span<const std::uint8_t> message) {
  constexpr unsigned kTruncated = 0x02;
  return message.size() >= kLongestDatagram ||
         (message.size() > 2 && (message[2] & kTruncated) != 0);
}

}  // namespace

class AresChannel::State : public std::enable_shared_from_this<AresChannel::State> {
 public:
  State(AsioLoop& loop, ChannelSettings settings)
      : loop_(loop),
        settings_(std::move(settings)),
        timer_(loop.io().get_executor()),
        delivery_(loop) {}

  std::optional<Error> open();
  LookupHandle ask(const Question& question, Sink sink);
  std::size_t in_flight() const { return schedule_.size(); }

 private:
  struct Server {
    Server(boost::asio::io_context& io, const Lane::OnProgress& on_progress)
        : udp(io, on_progress), tcp(io, on_progress) {}

    QueryIds ids;
    TimePoint avoided_until{};
    Lane udp;
    Lane tcp;
  };

  struct Pending;
  // When a question is to be looked at again. It is the owner of all questions under way.
  using Schedule = std::multimap<TimePoint, std::shared_ptr<Pending>>;

  struct Pending {
    Question question;
    SharedLookup lookup;
    TimePoint deadline;
    std::vector<std::size_t> order;  // of servers
    std::vector<Standing> standing;  // by server
    std::vector<int> tries;          // by server
    int losses = 0;
    int outstanding = 0;  // attempts that have not ended
    Outcome failure = Outcome::Timeout;
    bool is_done = false;
    Schedule::iterator place;
  };

  // One query at one server. It ends when c-ares says so, which may be long after the question was
  // answered by another server: so the question is shared with it.
  struct Attempt {
    std::shared_ptr<Pending> pending;
    std::size_t server = 0;
    Transport transport = Transport::Udp;
    std::uint16_t id = 0;
  };

  std::vector<std::size_t> order() const;
  bool send_to_next(const std::shared_ptr<Pending>& pending, bool may_repeat);
  bool send(const std::shared_ptr<Pending>& pending, std::size_t server, Transport transport);
  void on_end(const Attempt& attempt, Lane::End end, std::span<const std::uint8_t> message);
  void on_failure(const Attempt& attempt, Outcome failure);
  void finish(Pending& pending, Answer answer);
  void look_again(const std::shared_ptr<Pending>& pending);
  void reschedule(Pending& pending);
  void run_schedule();
  void rearm_timer();
  void on_timer();

  AsioLoop& loop_;
  ChannelSettings settings_;
  Schedule schedule_;
  std::size_t attempts_ = 0;
  Timer timer_;
  TimePoint timer_at_ = TimePoint::max();  // max: not running
  Delivery delivery_;
  std::vector<std::unique_ptr<Server>> servers_;
};

std::optional<Error> AresChannel::State::open() {
  if (settings_.servers.empty()) {
    return Error{"dns: no servers"};
  }
  for (const Endpoint& endpoint : settings_.servers) {
    auto server = std::make_unique<Server>(loop_.io(), [this] { rearm_timer(); });
    // As long as a question lives: an answer that comes late is still an answer.
    auto error = server->udp.open(endpoint, Transport::Udp, settings_.budget);
    if (!error) {
      error = server->tcp.open(endpoint, Transport::Tcp, settings_.budget);
    }
    if (error) {
      return error;
    }
    const auto id = server->ids.draw();
    if (!id) {
      return Error{"dns: the system gives no random numbers for query ids"};
    }
    server->ids.give_back(*id);
    servers_.push_back(std::move(server));
  }
  return std::nullopt;
}

LookupHandle AresChannel::State::ask(const Question& question, Sink sink) {
  auto lookup = std::make_shared<Lookup>(std::move(sink));
  // Attempts that nobody waits for any more still have memory and an id: they count as well.
  if (schedule_.size() >= settings_.most_in_flight ||
      attempts_ >= 2 * settings_.most_in_flight * servers_.size()) {
    delivery_.post(lookup, Answer{});
    return LookupHandle(std::move(lookup));
  }
  auto pending = std::make_shared<Pending>();
  pending->question = question;
  pending->lookup = lookup;
  pending->deadline = loop_.now() + settings_.budget;
  pending->order = order();
  pending->standing.resize(servers_.size(), Standing::Unasked);
  pending->tries.resize(servers_.size(), 0);
  pending->place =
      schedule_.emplace(loop_.now() + std::min(settings_.patience, settings_.budget), pending);
  if (!write_query(question, 0)) {
    finish(*pending, Answer{});  // no possible name
  } else if (!send_to_next(pending, false) && !pending->is_done) {
    finish(*pending, Answer{});  // no random numbers to be had
  }
  rearm_timer();
  return LookupHandle(std::move(lookup));
}

// The servers as configured, those that were silent of late at the end.
std::vector<std::size_t> AresChannel::State::order() const {
  std::vector<std::size_t> order(servers_.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  const TimePoint now = loop_.now();
  std::stable_partition(order.begin(), order.end(),
                        [&](std::size_t i) { return servers_[i]->avoided_until <= now; });
  return order;
}

// An attempt at a server that was not asked yet or, if that may be, at one that is silent so far.
bool AresChannel::State::send_to_next(const std::shared_ptr<Pending>& pending, bool may_repeat) {
  for (const Standing wanted : {Standing::Unasked, Standing::Asked}) {
    if (wanted == Standing::Asked && !may_repeat) {
      return false;
    }
    for (const std::size_t server : pending->order) {
      if (pending->standing[server] == wanted && pending->tries[server] < kMostTries) {
        ++pending->tries[server];
        return send(pending, server, Transport::Udp);
      }
    }
  }
  return false;
}

bool AresChannel::State::send(const std::shared_ptr<Pending>& pending, std::size_t index,
                              Transport transport) {
  Server& server = *servers_[index];
  const auto id = server.ids.draw();
  if (!id) {
    return false;
  }
  const Bytes query = write_query(pending->question, *id).value();
  pending->standing[index] = Standing::Asked;
  ++pending->outstanding;
  ++attempts_;
  Lane& lane = transport == Transport::Udp ? server.udp : server.tcp;
  const Attempt attempt{pending, index, transport, *id};
  lane.send(query, [this, attempt](Lane::End end, std::span<const std::uint8_t> message) {
    on_end(attempt, end, message);
  });
  return true;
}

// Called by c-ares, so nothing here may destroy a lane: answers leave by post.
void AresChannel::State::on_end(const Attempt& attempt, Lane::End end,
                                std::span<const std::uint8_t> message) {
  Server& server = *servers_[attempt.server];
  Pending& pending = *attempt.pending;
  server.ids.give_back(attempt.id);
  --attempts_;
  --pending.outstanding;
  if (end == Lane::End::Answered) {
    server.avoided_until = {};
  }
  if (pending.is_done) {
    return;
  }
  const bool is_udp = attempt.transport == Transport::Udp;
  if (end == Lane::End::Answered && is_udp && is_cut_short(message) &&
      send(attempt.pending, attempt.server, Transport::Tcp)) {
    return;
  }
  if (end == Lane::End::Lost && pending.losses < (is_udp ? kMostLossesUdp : kMostLossesTcp)) {
    ++pending.losses;
    if (send(attempt.pending, attempt.server, attempt.transport)) {
      return;
    }
  }
  if (end != Lane::End::Answered) {
    on_failure(attempt, end == Lane::End::Broken ? Outcome::Malformed : Outcome::Timeout);
    return;
  }
  Answer answer = parse_answer(message, pending.question);
  if (is_trouble(answer.outcome)) {
    on_failure(attempt, answer.outcome);
  } else {
    finish(pending, std::move(answer));
  }
}

void AresChannel::State::on_failure(const Attempt& attempt, Outcome failure) {
  Pending& pending = *attempt.pending;
  pending.standing[attempt.server] = Standing::Failed;
  // What a server said tells more than that another one was silent.
  if (pending.failure == Outcome::Timeout) {
    pending.failure = failure;
  }
  const bool is_sent = send_to_next(attempt.pending, false);
  if (pending.is_done) {
    return;
  }
  if (is_sent) {
    reschedule(pending);
  } else if (pending.outstanding == 0) {
    finish(pending, without_records(pending.failure));
  }
}

void AresChannel::State::finish(Pending& pending, Answer answer) {
  pending.is_done = true;
  delivery_.post(std::move(pending.lookup), std::move(answer));
  schedule_.erase(pending.place);  // may end `pending`
}

// A server was silent for `patience`, or the question's time is over.
void AresChannel::State::look_again(const std::shared_ptr<Pending>& pending) {
  const TimePoint now = loop_.now();
  if (now >= pending->deadline || !pending->lookup->is_open()) {
    finish(*pending, without_records(pending->failure));
    return;
  }
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (pending->standing[i] == Standing::Asked) {
      servers_[i]->avoided_until = now + settings_.avoid_silent;
    }
  }
  send_to_next(pending, true);
  if (!pending->is_done) {
    reschedule(*pending);
  }
}

void AresChannel::State::reschedule(Pending& pending) {
  auto node = schedule_.extract(pending.place);
  node.key() = std::min(loop_.now() + settings_.patience, pending.deadline);
  pending.place = schedule_.insert(std::move(node));
}

void AresChannel::State::run_schedule() {
  while (!schedule_.empty() && schedule_.begin()->first <= loop_.now()) {
    const std::shared_ptr<Pending> pending = schedule_.begin()->second;
    look_again(pending);
  }
}

// One timer for the schedule and for the time-outs of all lanes. Without either it is cancelled: a
// forgotten one keeps the loop from ending.
void AresChannel::State::rearm_timer() {
  TimePoint next = schedule_.empty() ? TimePoint::max() : schedule_.begin()->first;
  const TimePoint now = loop_.now();
  for (const auto& server : servers_) {
    for (const Lane* lane : {&server->udp, &server->tcp}) {
      if (const auto wait = lane->next_timeout()) {
        next = std::min(next, now + *wait);
      }
    }
  }
  if (next == TimePoint::max()) {
    timer_at_ = next;
    timer_.cancel();
    return;
  }
  // A timer that comes too early does no harm, and is cheaper than a new one for each question.
  if (timer_at_ <= next) {
    return;
  }
  timer_at_ = next;
  timer_.expires_at(next);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto state = weak.lock();
    if (state != nullptr && !error) {
      state->on_timer();
    }
  });
}

void AresChannel::State::on_timer() {
  timer_at_ = TimePoint::max();
  for (const auto& server : servers_) {
    server->udp.run_timeouts();
    server->tcp.run_timeouts();
  }
  run_schedule();
  rearm_timer();
}

Result<std::unique_ptr<AresChannel>> AresChannel::open(AsioLoop& loop, ChannelSettings settings) {
  auto state = std::make_shared<State>(loop, std::move(settings));
  if (auto error = state->open()) {
    return *std::move(error);
  }
  return std::unique_ptr<AresChannel>(new AresChannel(std::move(state)));
}

AresChannel::AresChannel(std::shared_ptr<State> state) : state_(std::move(state)) {}

AresChannel::~AresChannel() = default;

LookupHandle AresChannel::ask(const Question& question, Sink sink) {
  return state_->ask(question, std::move(sink));
}

std::size_t AresChannel::in_flight() const {
  return state_->in_flight();
}

}  // namespace smtpguard::dns
