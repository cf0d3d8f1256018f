#include "proxy/session/listener.hpp"

#include <fmt/format.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/error.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "conf/base/text.hpp"

namespace smtpguard::session {

namespace {

using namespace std::chrono_literals;
using Timer = net::asio::basic_waitable_timer<SteadyClock, net::asio::wait_traits<SteadyClock>,
                                              net::Executor>;

// So many connections are taken before sessions have their turn.
constexpr int kAcceptsInARow = 64;
constexpr auto kPause = 100ms;
constexpr auto kComplaintEvery = 60s;

bool is_exhaustion(const net::ErrorCode& error) {
  return error == net::asio::error::no_descriptors || error == net::asio::error::no_memory ||
         error == boost::system::errc::too_many_files_open_in_system ||
         error == net::asio::error::no_buffer_space;
}

}  // namespace

net::Awaitable<void> Listener::run() {
  Running running(is_running_);
  return accept_until_closed(std::move(running));
}

net::Awaitable<void> Listener::accept_until_closed(Running /*running*/) {
  Timer pause(home_.io().get_executor());
  while (acceptor_.is_open()) {
    const auto [error] = co_await acceptor_.async_wait(net::Acceptor::wait_read, net::kUseTuple);
    if (error) {
      co_return;  // closed
    }
    if (!accept_some()) {
      pause.expires_after(kPause);
      [[maybe_unused]] const auto outcome = co_await pause.async_wait(net::kUseTuple);
    }
  }
}

bool Listener::accept_some() {
  for (int i = 0; i < kAcceptsInARow; ++i) {
    net::asio::ip::tcp::endpoint peer;
    net::ErrorCode error;
    EventLoop* const loop = turn_.next();
    if (loop == nullptr) {
      return false;  // the others wait in the backlog
    }
    net::Socket socket(loop->io());
    acceptor_.accept(socket, peer, error);
    if (is_exhaustion(error)) {
      if (SteadyClock::now() - complained_ > kComplaintEvery) {
        complained_ = SteadyClock::now();
        home_.context().log.daemon().error(fmt::format("accept on {}: {}; pausing",
                                                       settings_->address.to_string(),
                                                       to_lower(error.message())));
      }
      return false;
    }
    if (error == net::asio::error::would_block) {
      return true;
    }
    if (error) {
      continue;  // connected and gone
    }
    socket.native_non_blocking(true, error);
    socket.set_option(net::asio::ip::tcp::no_delay(true), error);
    turn_.pass();
    if (!hand_over(*loop, std::move(socket), net::to_endpoint(peer))) {
      return false;
    }
  }
  return true;
}

// False: memory has run out.
bool Listener::hand_over(EventLoop& loop, net::Socket socket, const Endpoint& client) {
  try {
    if (&loop == &home_) {
      loop.receive(std::move(socket), client, settings_);
    } else {
      loop.deal(std::move(socket), client, settings_);
    }
  } catch (const std::exception& fault) {
    home_.context().log.crash("a visitor", fault.what());
    return false;
  }
  return true;
}

void Listener::close() {
  net::ErrorCode ignored;
  acceptor_.close(ignored);
}

}  // namespace smtpguard::session
