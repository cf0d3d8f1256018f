#include "proxy/session/worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <list>
#include <stdexcept>
#include <thread>
#include <utility>

#include "conf/base/log_line.hpp"
#include "dns/fake_resolver.hpp"

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
// Memory ran out in the loop itself: others may give some back meanwhile.
constexpr Milliseconds kRecovery = 100ms;

std::string text_of(const std::exception_ptr& crash) {
  try {
    std::rethrow_exception(crash);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown exception";  // counted and logged by the caller
  }
}

std::unique_ptr<dns::Resolver> open_resolver(dns::AsioLoop& loop, const dns::Settings& settings) {
  if (settings.answers) {
    return std::make_unique<dns::FakeResolver>(loop, *settings.answers);
  }
  dns::ChannelSettings channel;
  channel.servers = settings.servers;
  channel.budget = settings.budget;
  auto opened = dns::AresChannel::open(loop, channel);
  if (opened.has_error()) {
    throw std::runtime_error(opened.error().text);
  }
  return std::move(opened).value();
}

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

}  // namespace

Worker::Worker(SessionLog& log, std::shared_ptr<const RuntimeConfig> config,
               const dns::Settings& dns_settings)
    : name_servers_(open_resolver(dns_loop_, dns_settings)),
      meter_(*name_servers_, dns_loop_),
      resolver_(meter_, dns_loop_, dns_settings.cache),
      list_watch_(*name_servers_, dns_loop_, log.daemon()),
      spf_book_(*name_servers_, dns_loop_,
                [&daemon = log.daemon()](std::string_view domain, std::string_view trouble) {
                  tell_spf(daemon, domain, trouble);
                }),
      context_{io_, wheel_, admission_, log, resolver_, list_watch_, spf_book_, std::move(config),
               {},  {},     {},         {},  nullptr},
      lobby_(context_, [this](Arrival arrival) { begin_session(std::move(arrival)); }),
      workload_(wheel_, admission_, log.daemon()),
      memory_ceiling_(
          wheel_, admission_, log.daemon(),
          [this] { return to_number(context_.config->limits.memory); },
          [this] { return memory_of_clients(); },
          [this](std::size_t at_most) { return send_away(at_most); }) {
  meter_.call_on_answer([this](const std::string& zone, const dns::Answer& answer,
                               Milliseconds took) { list_watch_.on_answer(zone, answer, took); });
  context_.watch_backends = [this] { learn_capabilities(); };
  watch_lists();
}

void Worker::watch_lists() {
  const auto& lists = context_.config->rules.site.lists;
  std::vector<std::string> zones;
  for (const filters::DnsList& list : lists) {
    zones.push_back(list.zone);
  }
  meter_.watch(std::move(zones));
  list_watch_.watch(lists);
  spf_book_.follow(context_.config->rules.site.access.spf_domains());
}

// What lives in coroutines refers to the wheel and the counters: it has to go before them.
Worker::~Worker() {
  if (!sessions_.empty()) {
    stop_now();
    io_.restart();
    run();
  }
}

void Worker::listen(std::shared_ptr<const ListenerSettings> settings, net::Descriptor listening) {
  auto acceptor = net::make_acceptor(io_, settings->address, std::move(listening));
  listeners_.emplace_back(context_, lobby_, std::move(settings), std::move(acceptor));
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

void Worker::reconfigure(std::shared_ptr<const RuntimeConfig> config,
                         std::vector<ListenerChange> listeners) {
  // What may throw comes first, and has changed nothing then.
  std::list<Listener> fresh;
  for (ListenerChange& change : listeners) {
    const Endpoint address = change.settings->address;
    if (!listens_at(address)) {
      fresh.emplace_back(context_, lobby_, change.settings,
                         net::make_acceptor(io_, address, std::move(change.listening)));
    }
  }
  const BackendSettings before = context_.config->backend;
  const net::TlsContext::Pointer former = context_.config->tls.context;
  if (config->tls.context && former) {
    config->tls.context->keep_tickets_of(*former);
  }
  if (former && config->tls.context && !config->tls.context->shows_what(*former)) {
    context_.failed_handshakes.forget_all();
  }
  context_.config = std::move(config);
  context_.log.tell_events(context_.config->log_events);
  if (context_.memory != nullptr) {
    context_.memory->configure(context_.config->memory);
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
  const BackendSettings& now = context_.config->backend;
  if (!lead_to_the_same(now, before)) {
    context_.backends.keep({});
    learn_capabilities();
  }
}

void Worker::serve(Listener& listener) {
  net::asio::co_spawn(io_, listener.run(), [this](const std::exception_ptr& crash) {
    if (crash) {
      context_.log.crash("a listener", text_of(crash).c_str());
      recover();
    }
  });
}

// Brings back what an exception has ended and the daemon cannot be without. It may throw as well,
// for memory may still be short: run() tries again.
void Worker::recover() {
  wheel_.recover();
  for (Listener& listener : listeners_) {
    if (listener.is_open() && !listener.is_running()) {
      serve(listener);
    }
  }
}

void Worker::begin_session(Arrival arrival) {
  auto session = std::make_unique<Session>(context_, std::move(arrival));
  sessions_.push_back(*session);
  if (is_stopping_) {
    session->stop_gently();
  }
  Session& running = *session;
  // The handler owns the session, which so lives as long as its coroutine.
  net::asio::co_spawn(io_, running.run(),
                      [this, owned = std::move(session)](const std::exception_ptr& crash) mutable {
                        session_ended(std::move(owned), crash);
                      });
}

// What is kept for later has bounds of its own and does not go when clients do.
std::optional<std::uint64_t> Worker::memory_of_clients() const {
  const auto used = heap_in_use();
  if (!used) {
    return std::nullopt;
  }
  const std::uint64_t records = context_.memory == nullptr ? 0 : context_.memory->extent().records;
  const std::uint64_t kept = records * kRecordSize + resolver_.size() * kCachedAnswerSize;
  return *used - std::min(*used, kept);
}

// Who has said nothing yet can be done without before who has; the known stay.
std::size_t Worker::send_away(std::size_t at_most) {
  context_.tarpit.let_go();
  std::size_t gone = 0;
  while (gone < at_most && lobby_.make_room("too little memory at present, please try again")) {
    ++gone;
  }
  for (const bool has_spoken : {false, true}) {
    for (Session& session : sessions_) {
      if (gone < at_most && session.may_give_way(has_spoken)) {
        session.give_way();
        ++gone;
      }
    }
  }
  return gone;
}

void Worker::session_ended(std::unique_ptr<Session> session, const std::exception_ptr& crash) {
  if (crash) {
    context_.log.crash("session " + session->id(), text_of(crash).c_str());
    session->finish_crashed();
  }
  session.reset();
  end_if_done();
}

void Worker::learn_capabilities() {
  if (std::exchange(is_learning_, true)) {
    return;
  }
  net::asio::co_spawn(io_, learn(), [this](const std::exception_ptr& crash) {
    is_learning_ = false;
    if (crash) {
      context_.log.crash("the probe of the backend", text_of(crash).c_str());
    }
    end_if_done();
  });
}

net::Awaitable<void> Worker::learn() {
  net::asio::basic_waitable_timer<SteadyClock, net::asio::wait_traits<SteadyClock>, net::Executor>
      pause(io_.get_executor());
  const smtp::Question question;  // Learn
  while (!is_stopping()) {
    // A reload may name other backends meanwhile.
    const std::shared_ptr<const RuntimeConfig> config = context_.config;
    const std::vector<Endpoint> addresses = addresses_of(config->backend);
    if (context_.backends.is_settled(addresses)) {
      break;
    }
    const auto due = context_.backends.due(addresses, SteadyClock::now());
    if (!due) {
      pause.expires_after(kLearnEvery);
      [[maybe_unused]] const auto outcome = co_await pause.async_wait(net::kUseTuple);
      continue;
    }
    BackendSettings probed = config->backend;
    probed.address = *due;
    probed.fallback.clear();
    Backend backend(context_, probed, learning_);
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
    const bool is_asked_again = context_.backends.due(addresses, SteadyClock::now()) == due;
    if (reply.is_positive() || is_stopping() || !is_asked_again) {
      continue;
    }
    pause.expires_after(kLearnEvery);
    [[maybe_unused]] const auto outcome = co_await pause.async_wait(net::kUseTuple);
  }
}

// An exception that a handler could not keep to itself must not end the sessions of all others.
void Worker::run() {
  while (true) {
    try {
      io_.poll();  // first, for what ends here gives back the memory that recover() may need
      recover();
      io_.run();
      if (is_stopping()) {
        return;
      }
      io_.restart();
    } catch (const std::exception& error) {
      context_.log.crash("a handler", error.what());
      std::this_thread::sleep_for(kRecovery);
    }
  }
}

void Worker::retire() {
  if (is_stopping()) {
    return;
  }
  is_retiring_ = true;
  for (Listener& listener : listeners_) {
    listener.close();
  }
  learning_.abort();
  retired_at_ = SteadyClock::now();
  wheel_.arm(patience_, retired_at_);
}

void Worker::stop_gently() {
  if (std::exchange(is_stopping_, true)) {
    return;
  }
  for (Listener& listener : listeners_) {
    listener.close();
  }
  lobby_.close();
  learning_.abort();
  for (Session& session : sessions_) {
    session.stop_gently();
  }
  wheel_.arm(patience_, SteadyClock::now() + drain_time());
  // Behind the cancelled waits of the visitors, which say 421 and go.
  net::asio::post(io_, [this] { end_if_done(); });
}

void Worker::end_of_patience() {
  // A visitor that leaves tells nobody, so who retires looks now and then.
  const TimePoint now = SteadyClock::now();
  if (!is_stopping_ && now < retired_at_ + drain_time()) {
    wheel_.arm(patience_, now + kRetiredLook);
  } else {
    stop_now();
  }
  end_if_done();
}

void Worker::stop_now() {
  stop_gently();
  for (Session& session : sessions_) {
    session.stop_now();
  }
}

// The wheel's timer is what would keep run() from returning.
void Worker::end_if_done() {
  if (is_stopping() && sessions_.empty() && lobby_.size() == 0) {
    io_.stop();
  }
}

}  // namespace smtpguard::session
