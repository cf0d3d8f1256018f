#include "proxy/session/worker.hpp"

#include <fmt/format.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <thread>
#include <utility>

#include "dns/fake_resolver.hpp"

namespace smtpguard::session {

namespace {

using namespace std::chrono_literals;

// Until the backend has answered once; every hand-off teaches as well.
constexpr Milliseconds kLearnEvery = 5s;
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

}  // namespace

Worker::Worker(SessionLog& log, std::shared_ptr<const RuntimeConfig> config,
               const dns::Settings& dns_settings)
    : name_servers_(open_resolver(dns_loop_, dns_settings)),
      resolver_(*name_servers_, dns_loop_, dns_settings.cache),
      list_watch_(*name_servers_, dns_loop_, log.daemon()),
      context_{io_, wheel_, admission_, log, resolver_, list_watch_, std::move(config),
               {},  {},     {},         {}},
      lobby_(context_, [this](Arrival arrival) { begin_session(std::move(arrival)); }) {
  list_watch_.watch(context_.config->rules.site.lists);
}

// What lives in coroutines refers to the wheel and the counters: it has to go before them.
Worker::~Worker() {
  if (!sessions_.empty()) {
    stop_now();
    io_.restart();
    run();
  }
}

void Worker::listen(const ListenerSettings& settings, net::Descriptor listening) {
  listeners_.emplace_back(context_, lobby_, settings,
                          net::make_acceptor(io_, settings.address, std::move(listening)));
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
    if (!is_stopping_ && !listener.is_running()) {
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

void Worker::session_ended(std::unique_ptr<Session> session, const std::exception_ptr& crash) {
  if (crash) {
    context_.log.crash("session " + session->id(), text_of(crash).c_str());
    session->finish_crashed();
  }
  session.reset();
  end_if_done();
}

void Worker::learn_capabilities() {
  net::asio::co_spawn(io_, learn(), [this](const std::exception_ptr& crash) {
    if (crash) {
      context_.log.crash("the probe of the backend", text_of(crash).c_str());
    }
    end_if_done();
  });
}

net::Awaitable<void> Worker::learn() {
  const std::shared_ptr<const RuntimeConfig> config = context_.config;
  Backend backend(context_, config->backend, learning_);
  smtp::ClientIdentity identity;
  identity.is_probe = true;
  identity.hostname = config->hostname;
  // Only version 2 has LOCAL. Version 1's UNKNOWN breaks Postfix and Haraka, so the probe names the
  // backend's own address; XCLIENT is not said for ourselves.
  identity.hand_off = config->backend.identity;
  identity.client = config->backend.address;
  identity.destination = config->backend.address;
  net::asio::basic_waitable_timer<SteadyClock, net::asio::wait_traits<SteadyClock>, net::Executor>
      pause(io_.get_executor());
  const smtp::Question question;  // Learn
  while (!is_stopping_ && !context_.backend_capabilities) {
    backend.set_identity(identity);
    const smtp::Reply reply = co_await backend.ask(question);
    backend.drop();
    if (reply.is_positive() || is_stopping_) {
      break;
    }
    pause.expires_after(kLearnEvery);
    [[maybe_unused]] const auto outcome = co_await pause.async_wait(net::kUseTuple);
  }
}

// An exception that a handler could not keep to itself must not end the sessions of all others.
void Worker::run() {
  while (true) {
    try {
      recover();
      io_.run();
      if (is_stopping_) {
        return;
      }
      io_.restart();
    } catch (const std::exception& error) {
      context_.log.crash("a handler", error.what());
      std::this_thread::sleep_for(kRecovery);
    }
  }
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
  wheel_.arm(patience_, SteadyClock::now() + context_.config->limits.drain_timeout);
  // Behind the cancelled waits of the visitors, which say 421 and go.
  net::asio::post(io_, [this] { end_if_done(); });
}

void Worker::end_of_patience() {
  stop_now();
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
  if (is_stopping_ && sessions_.empty() && lobby_.size() == 0) {
    io_.stop();
  }
}

}  // namespace smtpguard::session
