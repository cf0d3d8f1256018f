#include "proxy/session/event_loop.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "dns/fake_resolver.hpp"
#include "proxy/session/crash.hpp"
#include "proxy/session/running.hpp"

namespace smtpguard::session {

namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kPulse = 1s;
// Memory ran out in the loop itself: others may give some back meanwhile.
constexpr Milliseconds kRecovery = 100ms;

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

dns::CacheSettings share_of(dns::CacheSettings cache, std::size_t share) {
  cache.most_entries = std::max<std::size_t>(1, cache.most_entries / share);
  return cache;
}

}  // namespace

void EventLoop::Pulse::on_deadline() noexcept {
  const TimePoint now = SteadyClock::now();
  loop_.wheel_.arm(*this, now + kPulse);
  loop_.turned_at_ = now;
  loop_.cached_answers_ = loop_.resolver_.size();
}

EventLoop::EventLoop(Commons& commons, std::shared_ptr<const RuntimeConfig> config,
                     const dns::Settings& dns_settings, std::size_t share)
    : commons_(commons),
      name_servers_(open_resolver(dns_loop_, dns_settings)),
      meter_(*name_servers_, dns_loop_),
      resolver_(meter_, dns_loop_, share_of(dns_settings.cache, share)),
      context_(io_, wheel_, resolver_, commons, nullptr),
      lobby_(context_, [this](Arrival arrival) { begin_session(std::move(arrival)); }),
      workload_(wheel_, context_.is_busy, commons.log.daemon()) {
  meter_.call_on_answer(
      [&commons](const std::string& zone, const dns::Answer& answer, Milliseconds took) {
        commons.lists.on_answer(zone, answer, took);
      });
  follow(std::move(config));
}

void EventLoop::follow(std::shared_ptr<const RuntimeConfig> config) {
  std::vector<std::string> zones;
  for (const filters::DnsList& list : config->rules.site.lists) {
    zones.push_back(list.zone);
  }
  meter_.watch(std::move(zones));
  context_.config = std::move(config);
}

void EventLoop::post(std::function<void()> task) {
  net::asio::post(io_, std::move(task));
}

void EventLoop::deal(net::Socket socket, const Endpoint& client,
                     std::shared_ptr<const ListenerSettings> listener) {
  net::asio::post(
      io_, [this, socket = std::move(socket), client, listener = std::move(listener),
            visitor = Counted(commons_.visitors), on_the_way = Counted(on_the_way_)]() mutable {
        try {
          receive(std::move(socket), client, std::move(listener));
        } catch (const std::exception& fault) {
          context_.log.crash("a visitor", fault.what());
        }
      });
}

void EventLoop::receive(net::Socket socket, const Endpoint& client,
                        std::shared_ptr<const ListenerSettings> listener) {
  lobby_.receive(std::move(socket), client, std::move(listener));
}

void EventLoop::begin_session(Arrival arrival) {
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

void EventLoop::session_ended(std::unique_ptr<Session> session, const std::exception_ptr& crash) {
  if (crash) {
    context_.log.crash("session " + session->id(), text_of(crash).c_str());
    session->finish_crashed();
  }
  session.reset();
  end_if_done();
}

// Who has said nothing yet can be done without before who has; the known stay.
void EventLoop::send_away(std::size_t at_most) {
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
}

SessionGlances EventLoop::look(std::size_t at_most) const {
  SessionGlances seen;
  for (const Session& session : sessions_) {
    if (seen.sessions.size() < at_most) {
      seen.sessions.push_back({session.id(), session.glance()});
    } else {
      ++seen.left_out;
    }
  }
  return seen;
}

// An exception that a handler could not keep to itself must not end the sessions of all others.
void EventLoop::run(const std::function<void()>& recover, const std::function<bool()>& may_end) {
  may_end_ = may_end;
  has_ended_ = false;
  io_.restart();
  while (true) {
    try {
      io_.poll();  // first, for what ends here gives back the memory that recover() may need
      wheel_.recover();
      recover();
      io_.run();
      if (is_stopping_) {
        has_ended_ = true;
        io_.restart();
        io_.poll();  // whoever asked in the last moment is answered
        return;
      }
      io_.restart();
    } catch (const std::exception& error) {
      context_.log.crash("a handler", error.what());
      std::this_thread::sleep_for(kRecovery);
    }
  }
}

void EventLoop::stop_gently() {
  if (std::exchange(is_stopping_, true)) {
    return;
  }
  lobby_.close();
  for (Session& session : sessions_) {
    session.stop_gently();
  }
  // Behind the cancelled waits of the visitors, which say 421 and go.
  net::asio::post(io_, [this] { end_if_done(); });
}

void EventLoop::stop_now() {
  stop_gently();
  for (Session& session : sessions_) {
    session.stop_now();
  }
  net::asio::post(io_, [this] { end_if_done(); });
}

// The wheel's timer is what would keep run() from returning.
void EventLoop::end_if_done() {
  if (is_stopping_ && sessions_.empty() && lobby_.size() == 0 && may_end_()) {
    io_.stop();
  }
}

}  // namespace smtpguard::session
