#include "dns/ares_channel.hpp"

#include <ares.h>
#include <netinet/in.h>
#include <sys/time.h>

#include <algorithm>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstring>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "dns/delivery.hpp"
#include "dns/message.hpp"
#include "dns/query_ids.hpp"

namespace smtpguard::dns {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using Executor = asio::io_context::executor_type;
using Descriptor = asio::posix::basic_stream_descriptor<Executor>;
using Timer = asio::basic_waitable_timer<SteadyClock, asio::wait_traits<SteadyClock>, Executor>;

// A silent server is asked twice: the first datagram may have been lost.
constexpr int kMostTries = 2;

struct ChannelDeleter {
  void operator()(ares_channel channel) const noexcept { ares_destroy(channel); }
};
using ChannelOwner = std::unique_ptr<std::remove_pointer_t<ares_channel>, ChannelDeleter>;

// A descriptor of c-ares with its place in the loop. c-ares closes it, we only look. Shared with
// the handlers of its waits, which run after c-ares has closed it, or never.
struct Watch {
  Watch(Executor executor, ares_socket_t socket) : descriptor(executor, socket) {}

  Descriptor descriptor;
  bool is_dead = false;
  bool wants_read = false;
  bool wants_write = false;
  bool reads = false;  // a wait is outstanding
  bool writes = false;
};

enum class Standing : std::uint8_t { Unasked, Asked, Failed };

ares_addr_port_node to_node(const Endpoint& server) {
  ares_addr_port_node node{};
  node.family = server.address.is_v4() ? AF_INET : AF_INET6;
  std::memcpy(&node.addr, server.address.bytes().data(), server.address.is_v4() ? 4 : 16);
  node.udp_port = server.port;
  node.tcp_port = server.port;
  return node;
}

}  // namespace

class AresChannel::State : public std::enable_shared_from_this<AresChannel::State> {
 public:
  State(AsioLoop& loop, ChannelSettings settings)
      : loop_(loop), settings_(std::move(settings)), timer_(loop.io()), delivery_(loop) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { close(); }

  std::optional<Error> open();
  void close();
  LookupHandle ask(const Question& question, Sink sink);
  std::size_t in_flight() const { return schedule_.size(); }

 private:
  struct Server {
    State* state = nullptr;
    QueryIds ids;
    TimePoint avoided_until{};
    std::map<ares_socket_t, std::shared_ptr<Watch>> watches;
    ChannelOwner channel;  // last: its end calls back into all of the above
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
    int outstanding = 0;             // attempts at servers that have not failed
    Outcome failure = Outcome::Timeout;
    bool is_done = false;
    Schedule::iterator place;
  };

  // The argument of one ares_send(); lives until c-ares calls back, which may be long after the
  // question was answered by another server.
  struct Attempt {
    State* state;
    std::shared_ptr<Pending> pending;
    std::size_t server;
    std::uint16_t id;
  };

  std::optional<Error> open(Server& server, const Endpoint& endpoint);
  std::vector<std::size_t> order() const;
  bool send_to_next(const std::shared_ptr<Pending>& pending, bool may_repeat);
  bool send(const std::shared_ptr<Pending>& pending, std::size_t server);
  void on_attempt_end(const Attempt& attempt, int status, std::span<const std::uint8_t> message);
  void finish(Pending& pending, Answer answer);
  void look_again(const std::shared_ptr<Pending>& pending);
  void reschedule(Pending& pending);
  void run_schedule();
  void watch(Server& server, ares_socket_t socket, bool read, bool write);
  void arm(Server& server, ares_socket_t socket, const std::shared_ptr<Watch>& watch);
  void on_ready(Server& server, ares_socket_t socket, const std::shared_ptr<Watch>& watch,
                bool is_read);
  void rearm_timer();
  void on_timer();

  AsioLoop& loop_;
  ChannelSettings settings_;
  std::vector<std::unique_ptr<Server>> servers_;
  Schedule schedule_;
  std::size_t attempts_ = 0;
  Timer timer_;
  TimePoint timer_at_ = TimePoint::max();  // max: not running
  bool is_closing_ = false;
  Delivery delivery_;
};

std::optional<Error> AresChannel::State::open() {
  static std::once_flag library;
  std::call_once(library, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  if (settings_.servers.empty()) {
    return Error{"dns: no servers"};
  }
  for (const Endpoint& endpoint : settings_.servers) {
    auto server = std::make_unique<Server>();
    if (auto error = open(*server, endpoint)) {
      return error;
    }
    servers_.push_back(std::move(server));
  }
  return std::nullopt;
}

std::optional<Error> AresChannel::State::open(Server& server, const Endpoint& endpoint) {
  server.state = this;
  char lookups[] = "b";              // no hosts file
  char resolv_conf[] = "/dev/null";  // nothing of the machine's settings
  ares_options options{};
  options.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH;
  options.tries = 1;
  // Longer than the question lives: an answer that comes late is still an answer.
  options.timeout = static_cast<int>(settings_.budget.count());
  options.lookups = lookups;
  options.resolvconf_path = resolv_conf;
  options.sock_state_cb_data = &server;
  options.sock_state_cb = [](void* data, ares_socket_t socket, int read, int write) {
    auto* const owner = static_cast<Server*>(data);
    owner->state->watch(*owner, socket, read != 0, write != 0);
  };
  ares_channel channel = nullptr;
  int status =
      ares_init_options(&channel, &options,
                        ARES_OPT_FLAGS | ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS | ARES_OPT_LOOKUPS |
                            ARES_OPT_NOROTATE | ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF);
  if (status == ARES_SUCCESS) {
    server.channel.reset(channel);
    ares_addr_port_node node = to_node(endpoint);
    status = ares_set_servers_ports(channel, &node);
  }
  if (status != ARES_SUCCESS) {
    return Error{"dns: server " + endpoint.to_string() + ": " + ares_strerror(status)};
  }
  const auto id = server.ids.draw();
  if (!id) {
    return Error{"dns: the system gives no random numbers for query ids"};
  }
  server.ids.give_back(*id);
  return std::nullopt;
}

void AresChannel::State::close() {
  // From here c-ares calls back only for us to free what we gave it.
  is_closing_ = true;
  schedule_.clear();
  servers_.clear();
  timer_.cancel();
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
    finish(*pending, Answer{});  // no id to be had
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
  for (const std::size_t server : pending->order) {
    if (pending->standing[server] == Standing::Unasked && send(pending, server)) {
      return true;
    }
    if (pending->is_done) {
      return false;
    }
  }
  if (!may_repeat) {
    return false;
  }
  for (const std::size_t server : pending->order) {
    if (pending->standing[server] == Standing::Asked && pending->tries[server] < kMostTries) {
      return send(pending, server);
    }
  }
  return false;
}

bool AresChannel::State::send(const std::shared_ptr<Pending>& pending, std::size_t index) {
  Server& server = *servers_[index];
  const auto id = server.ids.draw();
  if (!id) {
    return false;
  }
  const Bytes query = write_query(pending->question, *id).value();
  pending->standing[index] = Standing::Asked;
  ++pending->tries[index];
  ++pending->outstanding;
  ++attempts_;
  auto attempt = std::make_unique<Attempt>(Attempt{this, pending, index, *id});
  const auto on_end = [](void* argument, int status, int /*timeouts*/, unsigned char* bytes,
                         int length) {
    const std::unique_ptr<Attempt> ended(static_cast<Attempt*>(argument));
    ended->state->on_attempt_end(*ended, status,
                                 {bytes, bytes == nullptr ? 0 : static_cast<std::size_t>(length)});
  };
  // May call back before it returns. A question can be sent only once at a time; c-ares copies it.
  ares_send(server.channel.get(), query.data(), static_cast<int>(query.size()), on_end,
            attempt.release());
  return true;
}

// Called by c-ares, so nothing here may destroy a channel: answers leave by post.
void AresChannel::State::on_attempt_end(const Attempt& attempt, int status,
                                        std::span<const std::uint8_t> message) {
  if (is_closing_) {
    return;
  }
  Server& server = *servers_[attempt.server];
  server.ids.give_back(attempt.id);
  --attempts_;
  Answer answer;
  if (status == ARES_SUCCESS) {
    server.avoided_until = {};
    answer = parse_answer(message, attempt.pending->question);
  } else {
    answer.outcome = status == ARES_EBADRESP ? Outcome::Malformed : Outcome::Timeout;
  }
  Pending& pending = *attempt.pending;
  --pending.outstanding;
  if (pending.is_done) {
    return;
  }
  if (!is_trouble(answer.outcome)) {
    finish(pending, std::move(answer));
    return;
  }
  pending.standing[attempt.server] = Standing::Failed;
  // What a server said tells more than that another one was silent.
  if (pending.failure == Outcome::Timeout) {
    pending.failure = answer.outcome;
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

// c-ares opens, changes and closes a descriptor.
void AresChannel::State::watch(Server& server, ares_socket_t socket, bool read, bool write) {
  const auto found = server.watches.find(socket);
  if (!read && !write) {
    if (found != server.watches.end()) {
      // Let go here and now: c-ares closes it next, and a close of ours, later, would hit whatever
      // got its number.
      found->second->is_dead = true;
      found->second->descriptor.release();
      server.watches.erase(found);
    }
    return;
  }
  if (is_closing_) {
    return;
  }
  const auto watch = found != server.watches.end()
                         ? found->second
                         : std::make_shared<Watch>(loop_.io().get_executor(), socket);
  server.watches[socket] = watch;
  watch->wants_read = read;
  watch->wants_write = write;
  arm(server, socket, watch);
}

void AresChannel::State::arm(Server& server, ares_socket_t socket,
                             const std::shared_ptr<Watch>& watch) {
  const auto wait = [&](Descriptor::wait_type what, bool is_read) {
    watch->descriptor.async_wait(what, [weak = weak_from_this(), &server, socket, watch,
                                        is_read](const ErrorCode& /*seen by c-ares*/) {
      (is_read ? watch->reads : watch->writes) = false;
      // A watch that lives has a server that lives, in a state that is not closing.
      const auto state = weak.lock();
      if (state != nullptr && !watch->is_dead) {
        state->on_ready(server, socket, watch, is_read);
      }
    });
  };
  if (watch->wants_read && !std::exchange(watch->reads, true)) {
    wait(Descriptor::wait_read, true);
  }
  if (watch->wants_write && !std::exchange(watch->writes, true)) {
    wait(Descriptor::wait_write, false);
  }
}

void AresChannel::State::on_ready(Server& server, ares_socket_t socket,
                                  const std::shared_ptr<Watch>& watch, bool is_read) {
  ares_process_fd(server.channel.get(), is_read ? socket : ARES_SOCKET_BAD,
                  is_read ? ARES_SOCKET_BAD : socket);
  if (!watch->is_dead) {
    arm(server, socket, watch);
  }
  rearm_timer();
}

// One timer for the schedule and for the time-outs of all channels. Without either it is cancelled:
// a forgotten one keeps the loop from ending.
void AresChannel::State::rearm_timer() {
  TimePoint next = schedule_.empty() ? TimePoint::max() : schedule_.begin()->first;
  for (const auto& server : servers_) {
    timeval buffer{};
    if (const timeval* const wait = ares_timeout(server->channel.get(), nullptr, &buffer)) {
      // c-ares cuts to whole milliseconds: one more, or the timer would come too early and often.
      next = std::min(next, loop_.now() + std::chrono::seconds(wait->tv_sec) +
                                std::chrono::microseconds(wait->tv_usec) + Milliseconds(1));
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
  timer_.async_wait([weak = weak_from_this()](const ErrorCode& error) {
    const auto state = weak.lock();
    if (state != nullptr && !error) {
      state->on_timer();
    }
  });
}

void AresChannel::State::on_timer() {
  timer_at_ = TimePoint::max();
  for (const auto& server : servers_) {
    ares_process_fd(server->channel.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
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

AresChannel::~AresChannel() {
  state_->close();
}

LookupHandle AresChannel::ask(const Question& question, Sink sink) {
  return state_->ask(question, std::move(sink));
}

std::size_t AresChannel::in_flight() const {
  return state_->in_flight();
}

}  // namespace smtpguard::dns
