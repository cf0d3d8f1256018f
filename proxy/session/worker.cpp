#include "proxy/session/worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <exception>
#include <list>
#include <utility>

#include "conf/base/log_line.hpp"
#include "proxy/session/crash.hpp"

namespace smtpguard::session {

namespace {

using namespace std::chrono_literals;

// Until the backend has answered once; every hand-off teaches as well.
constexpr Milliseconds kLearnEvery = 5s;
// How soon a worker that retires finds out that nobody is left.
constexpr Milliseconds kRetiredLook = 250ms;
// What a record of the memory and a cached answer take at most, all told.
constexpr std::uint64_t kRecordSize = 128;
constexpr std::uint64_t kCachedAnswerSize = 1024;
// A loop that has not turned for so long hangs.
constexpr Milliseconds kHangs = 5s;

void tell_spf(Log& daemon, std::string_view domain, std::string_view trouble) {
  LogLine words(LogLine::Form::Text);
  words.add("domain", domain);
  if (trouble.empty()) {
    daemon.info("spf_works " + std::move(words).finish());
    return;
  }
  words.add("trouble", trouble);
  words.add("remedy",
            "its networks are no exemption until this is over; name them yourself if it lasts");
  daemon.warning("spf_trouble " + std::move(words).finish());
}

std::vector<std::unique_ptr<EventLoop>> make_loops(
    Commons& commons, const std::shared_ptr<const RuntimeConfig>& config,
    const dns::Settings& dns_settings, std::size_t count) {
  std::vector<std::unique_ptr<EventLoop>> loops;
  for (std::size_t loop = 0; loop < count; ++loop) {
    loops.push_back(std::make_unique<EventLoop>(commons, config, dns_settings, count));
  }
  return loops;
}

}  // namespace

Worker::Worker(const Books& books, const std::shared_ptr<const RuntimeConfig>& config,
               const dns::Settings& dns_settings, std::size_t loops)
    : config_(config),
      commons_{books.log,    books.memory,
               books.ledger, list_watch_,
               spf_book_,    [this] { home().post([this] { learn_capabilities(); }); }},
      loops_(make_loops(commons_, config, dns_settings, loops)),
      turn_(home()),
      list_watch_(home().name_servers(), home().dns_loop(), books.log.daemon()),
      spf_book_(home().name_servers(), home().dns_loop(),
                [&daemon = books.log.daemon()](std::string_view domain, std::string_view trouble) {
                  tell_spf(daemon, domain, trouble);
                }),
      learning_(home().wheel()),
      pause_(io().get_executor()),
      memory_ceiling_(
          home().wheel(), commons_.admission, books.log.daemon(),
          [this] { return to_number(config_->limits.memory); },
          [this] { return memory_of_clients(); },
          [this](std::size_t at_most) { send_away(at_most); }) {
  watch_lists();
}

void Worker::watch_lists() {
  list_watch_.watch(config_->rules.site.lists);
  spf_book_.follow(config_->rules.site.access.spf_domains());
}

// What lives in coroutines refers to the wheel and the counters: it has to go before them.
Worker::~Worker() {
  if (commons_.sessions != 0) {
    stop_now();
    run();
  }
}

Listener Worker::make_listener(std::shared_ptr<const ListenerSettings> settings,
                               net::Descriptor listening) {
  auto acceptor = net::make_acceptor(io(), settings->address, std::move(listening));
  return {home(), turn_, std::move(settings), std::move(acceptor)};
}

void Worker::listen(std::shared_ptr<const ListenerSettings> settings, net::Descriptor listening) {
  listeners_.push_back(make_listener(std::move(settings), std::move(listening)));
}

void Worker::everywhere(const std::function<void(EventLoop&)>& task) {
  for (const auto& loop : loops_) {
    if (loop == loops_.front()) {
      task(*loop);
    } else {
      loop->post([task, &there = *loop] { task(there); });
    }
  }
}

Listener* Worker::find_listener(const Endpoint& address) {
  const auto found = std::find_if(listeners_.begin(), listeners_.end(), [&](const auto& listener) {
    return listener.is_open() && listener.address() == address;
  });
  return found == listeners_.end() ? nullptr : &*found;
}

bool Worker::listens_at(const Endpoint& address) const {
  return std::any_of(listeners_.begin(), listeners_.end(), [&](const auto& listener) {
    return listener.is_open() && listener.address() == address;
  });
}

void Worker::reconfigure(const std::shared_ptr<const RuntimeConfig>& config,
                         std::vector<ListenerChange> listeners) {
  // What may throw comes first, and has changed nothing then.
  std::list<Listener> fresh;
  for (ListenerChange& change : listeners) {
    if (!listens_at(change.settings->address)) {
      fresh.push_back(make_listener(change.settings, std::move(change.listening)));
    }
  }
  const std::shared_ptr<const RuntimeConfig> former = config_;
  const net::TlsContext::Pointer& former_tls = former->tls.context;
  if (config->tls.context && former_tls) {
    config->tls.context->keep_tickets_of(*former_tls);
  }
  if (former_tls && config->tls.context && !config->tls.context->shows_what(*former_tls)) {
    commons_.failed_handshakes.forget_all();
  }
  config_ = config;
  everywhere([config](EventLoop& loop) { loop.follow(config); });
  commons_.log.tell_events(config->log_events);
  if (commons_.memory != nullptr) {
    commons_.memory->configure(config->memory);
  }
  watch_lists();
  for (Listener& listener : listeners_) {
    const bool is_wanted = std::any_of(listeners.begin(), listeners.end(), [&](const auto& change) {
      return change.settings->address == listener.address();
    });
    if (!is_wanted) {
      listener.close();
    }
  }
  listeners_.remove_if(
      [](const Listener& listener) { return !listener.is_open() && !listener.is_running(); });
  for (ListenerChange& change : listeners) {
    if (Listener* const known = find_listener(change.settings->address)) {
      known->change(std::move(change.settings));
    }
  }
  listeners_.splice(listeners_.end(), fresh);
  recover();
  if (!lead_to_the_same(config->backend, former->backend)) {
    commons_.backends.keep({});
    learn_capabilities();
  }
}

void Worker::serve(Listener& listener) {
  net::asio::co_spawn(io(), listener.run(), [this](const std::exception_ptr& crash) {
    if (crash) {
      commons_.log.crash("a listener", text_of(crash).c_str());
      recover();
    }
    home().end_if_done();
  });
}

// Brings back what an exception has ended and the daemon cannot be without. It may throw as well,
// for memory may still be short: the loop tries again.
void Worker::recover() {
  for (Listener& listener : listeners_) {
    if (listener.is_open() && !listener.is_running()) {
      serve(listener);
    }
  }
}

// What is kept for later has bounds of its own and does not go when clients do.
std::optional<std::uint64_t> Worker::memory_of_clients() const {
  const auto used = heap_in_use();
  if (!used) {
    return std::nullopt;
  }
  const std::uint64_t records = commons_.memory == nullptr ? 0 : commons_.memory->extent().records;
  std::uint64_t answers = 0;
  for (const auto& loop : loops_) {
    answers += loop->cached_answers();
  }
  const std::uint64_t kept = records * kRecordSize + answers * kCachedAnswerSize;
  return *used - std::min(*used, kept);
}

// Each loop its share, since clients were dealt out evenly.
void Worker::send_away(std::size_t at_most) {
  const std::size_t share = (at_most + turn_.loops() - 1) / turn_.loops();
  everywhere([share](EventLoop& loop) { loop.send_away(share); });
}

void Worker::learn_capabilities() {
  if (is_stopping() || is_learning_) {
    return;
  }
  net::asio::co_spawn(io(), learn(Running(is_learning_)), [this](const std::exception_ptr& crash) {
    if (crash) {
      commons_.log.crash("the probe of the backend", text_of(crash).c_str());
    } else if (!commons_.backends.is_settled(addresses_of(config_->backend))) {
      learn_capabilities();  // one failed in this moment
    }
    home().end_if_done();
  });
}

net::Awaitable<void> Worker::learn(Running /*running*/) {
  const smtp::Question question;  // Learn
  while (!is_stopping()) {
    // A reload may name other backends meanwhile.
    const std::shared_ptr<const RuntimeConfig> config = config_;
    const std::vector<Endpoint> addresses = addresses_of(config->backend);
    if (commons_.backends.is_settled(addresses)) {
      break;
    }
    const auto due = commons_.backends.due(addresses, SteadyClock::now());
    if (!due) {
      pause_.expires_after(kLearnEvery);
      [[maybe_unused]] const auto outcome = co_await pause_.async_wait(net::kUseTuple);
      continue;
    }
    BackendSettings probed = config->backend;
    probed.address = *due;
    probed.fallback.clear();
    Backend backend(home().context(), probed, learning_);
    smtp::ClientIdentity identity;
    identity.is_probe = true;
    identity.hostname = config->hostname;
    // Only version 2 has LOCAL. Version 1's UNKNOWN breaks Postfix and Haraka, so the probe names
    // the backend's own address; XCLIENT is not said for ourselves.
    identity.hand_off = config->backend.identity;
    identity.tls = config->backend.tls;
    identity.client = *due;
    identity.destination = *due;
    backend.set_identity(identity);
    const smtp::Reply reply = co_await backend.ask(question);
    backend.drop();
    const bool is_asked_again = commons_.backends.due(addresses, SteadyClock::now()) == due;
    if (reply.is_positive() || is_stopping() || !is_asked_again) {
      continue;
    }
    pause_.expires_after(kLearnEvery);
    [[maybe_unused]] const auto outcome = co_await pause_.async_wait(net::kUseTuple);
  }
}

void Worker::start_threads() {
  try {
    threads_.reserve(loops_.size());
    while (threads_.size() + 1 < loops_.size()) {
      EventLoop& loop = *loops_[threads_.size() + 1];
      turn_.add(loop);
      threads_.emplace_back([this, &loop] { run_beside(loop); });
      ++running_;
    }
  } catch (const std::exception& error) {
    commons_.log.daemon().warning(
        fmt::format("{} of {} event loops have a thread ({}): there are no others",
                    threads_.size() + 1, loops_.size(), error.what()));
    loops_.resize(threads_.size() + 1);
    turn_.keep(loops_.size());
  }
}

void Worker::run_beside(EventLoop& loop) {
  loop.run([] {}, [] { return true; });
  home().post([this] {
    --running_;
    home().end_if_done();
  });
}

void Worker::run() {
  start_threads();
  home().run([this] { recover(); }, [this] { return has_ended(); });
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

bool Worker::turns() const {
  const TimePoint since = SteadyClock::now() - kHangs;
  return std::all_of(loops_.begin() + 1, loops_.end(), [&](const auto& loop) {
    return loop->has_ended() || loop->has_turned_since(since);
  });
}

void Worker::look_at_sessions(std::size_t at_most, Seen done) {
  look_on(0, at_most, std::make_shared<SessionGlances>(), std::move(done));
}

// Of this loop, then of the next; home again with what was seen.
void Worker::look_on(std::size_t loop, std::size_t at_most, std::shared_ptr<SessionGlances> seen,
                     Seen done) {
  if (loop == loops_.size()) {
    std::stable_sort(seen->sessions.begin(), seen->sessions.end(),
                     [](const auto& a, const auto& b) { return a.glance.began < b.glance.began; });
    if (seen->sessions.size() > at_most) {
      seen->left_out += seen->sessions.size() - at_most;
      seen->sessions.resize(at_most);
    }
    return done(std::move(*seen));
  }
  EventLoop& there = *loops_[loop];
  const auto look = [&there, at_most, seen] {
    SessionGlances found = there.look(at_most);
    std::move(found.sessions.begin(), found.sessions.end(), std::back_inserter(seen->sessions));
    seen->left_out += found.left_out;
  };
  if (loop == 0) {
    look();
  }
  if (loop == 0 || there.has_ended()) {
    return look_on(loop + 1, at_most, std::move(seen), std::move(done));
  }
  there.post([this, loop, at_most, look, seen = std::move(seen), done = std::move(done)] {
    look();
    home().post([this, loop, at_most, seen, done] { look_on(loop + 1, at_most, seen, done); });
  });
}

void Worker::close_doors() {
  for (Listener& listener : listeners_) {
    listener.close();
  }
  learning_.abort();
  pause_.cancel();
}

// Nothing of this thread or of another one refers to anything here any more.
bool Worker::has_ended() const {
  return is_stopping() && running_ == 0 && !is_learning_ &&
         std::none_of(listeners_.begin(), listeners_.end(),
                      [](const Listener& listener) { return listener.is_running(); });
}

void Worker::retire() {
  if (is_stopping()) {
    return;
  }
  is_retiring_ = true;
  close_doors();
  retired_at_ = SteadyClock::now();
  wheel().arm(patience_, retired_at_);
}

void Worker::stop_gently() {
  if (std::exchange(is_stopping_, true)) {
    return;
  }
  close_doors();
  wheel().arm(patience_, SteadyClock::now() + drain_time());
  everywhere([](EventLoop& loop) { loop.stop_gently(); });
}

void Worker::end_of_patience() {
  const TimePoint now = SteadyClock::now();
  if (is_stopping_ || now >= retired_at_ + drain_time()) {
    stop_now();
    wheel().arm(patience_, now + kRetiredLook);  // until it has ended
  } else if (visitors() == 0 && sessions() == 0) {
    // Asked in this order: a visitor may become a session meanwhile, and never the other way round.
    stop_gently();
  } else {
    wheel().arm(patience_, now + kRetiredLook);  // who leaves tells nobody
  }
}

void Worker::stop_now() {
  stop_gently();
  everywhere([](EventLoop& loop) { loop.stop_now(); });
}

}  // namespace smtpguard::session
