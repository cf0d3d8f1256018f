// The MTA of the benchmarks: takes everything, keeps nothing, and is as fast as we could make it,
// so that what is measured is the proxy before it. One event loop on one thread. usage: bench_sink
// ADDRESS:PORT none|proxy|xclient proxy: a PROXY header of version 1 or 2 is waited for; xclient:
// XCLIENT is offered and taken. Ends with SIGTERM, and prints then how many sessions and messages
// it had.
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <string>
#include <string_view>

#include "conf/base/ip_address.hpp"
#include "proxy/net/tcp.hpp"
#include "tests/bench/talk.hpp"

namespace {

using namespace smtpguard;
using namespace std::chrono_literals;
using bench::Loop;
using bench::Talk;

struct Sink {
  Loop loop;
  bool wants_proxy_header = false;
  bool offers_xclient = false;
  std::uint64_t sessions = 0;
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;
};

// Version 1 is a line, version 2 begins with CR LF CR LF and tells its length in octets 14 and 15.
net::Awaitable<bool> skip_proxy_header(Talk& talk) {
  while (true) {
    std::string& input = talk.input();
    if (input.size() >= 16 && input.starts_with("\r\n\r\n")) {
      const std::size_t length =
          16 + static_cast<std::uint8_t>(input[14]) * 256U + static_cast<std::uint8_t>(input[15]);
      if (input.size() >= length) {
        input.erase(0, length);
        co_return true;
      }
    } else if (input.starts_with("PROXY ") && input.find('\n') != std::string::npos) {
      input.erase(0, input.find('\n') + 1);
      co_return true;
    }
    const bool came = co_await talk.more();
    if (!came) {
      co_return false;
    }
  }
}

// Reads up to CR LF . CR LF. `input` keeps at most the four octets that may begin it.
net::Awaitable<bool> take_message(Sink& sink, Talk& talk) {
  constexpr std::string_view kEnd = "\r\n.\r\n";
  std::string& input = talk.input();
  while (true) {
    const std::size_t end = input.find(kEnd);
    if (end != std::string::npos) {
      sink.octets += end;
      input.erase(0, end + kEnd.size());
      co_return true;
    }
    if (input.size() >= kEnd.size()) {
      const std::size_t done = input.size() - (kEnd.size() - 1);
      sink.octets += done;
      input.erase(0, done);
    }
    const bool came = co_await talk.more();
    if (!came) {
      co_return false;
    }
  }
}

std::string_view answer(const Sink& sink, std::string_view line) {
  if (line.starts_with("EHLO") || line.starts_with("ehlo")) {
    return sink.offers_xclient
               ? "250-sink\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250-8BITMIME\r\n"
                 "250 XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n"
               : "250-sink\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250 8BITMIME\r\n";
  }
  if (line.starts_with("XCLIENT")) {
    return "220 sink ESMTP\r\n";
  }
  if (line.starts_with("DATA")) {
    return "354 go on\r\n";
  }
  if (line.starts_with("QUIT")) {
    return "221 2.0.0 bye\r\n";
  }
  return "250 2.0.0 Ok\r\n";
}

net::Awaitable<void> converse(Sink& sink, Talk& talk) {
  if (sink.wants_proxy_header) {
    const bool is_named = co_await skip_proxy_header(talk);
    if (!is_named) {
      co_return;
    }
  }
  const bool greeted = co_await talk.send("220 sink ESMTP\r\n");
  while (greeted) {
    const std::optional<std::string> line = co_await talk.line();
    if (!line) {
      co_return;
    }
    const std::string_view reply = answer(sink, *line);
    // One write for all that came together, as a real server does with pipelined commands.
    std::string replies(reply);
    while (reply[0] == '2' && talk.input().find('\n') != std::string::npos) {
      const std::size_t end = talk.input().find('\n');
      const std::string next = talk.input().substr(0, end);
      if (next.starts_with("DATA") || next.starts_with("QUIT")) {
        break;
      }
      talk.input().erase(0, end + 1);
      replies += answer(sink, next);
    }
    const bool sent = co_await talk.send(replies);
    if (!sent || line->starts_with("QUIT")) {
      co_return;
    }
    if (line->starts_with("DATA")) {
      const bool whole = co_await take_message(sink, talk);
      if (!whole) {
        co_return;
      }
      ++sink.messages;
      const bool said = co_await talk.send("250 2.0.0 Ok: taken\r\n");
      if (!said) {
        co_return;
      }
    }
  }
}

net::Awaitable<void> serve(Sink& sink, net::Socket socket) {
  net::ErrorCode ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(net::asio::ip::tcp::no_delay(true), ignored);
  Talk talk(sink.loop, std::move(socket));
  ++sink.sessions;
  co_await converse(sink, talk);
}

net::Awaitable<void> listen(Sink& sink, net::Acceptor acceptor) {
  while (true) {
    auto [error, socket] = co_await acceptor.async_accept(net::kUseTuple);
    if (error == net::asio::error::operation_aborted) {
      co_return;
    }
    if (!error) {
      net::asio::co_spawn(sink.loop.io, serve(sink, std::move(socket)), net::asio::detached);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto at = argc == 3 ? Endpoint::parse(argv[1]) : std::nullopt;
  if (!at) {
    std::fputs("usage: bench_sink ADDRESS:PORT none|proxy|xclient\n", stderr);
    return 2;
  }
  Sink sink;
  sink.wants_proxy_header = std::string_view(argv[2]) == "proxy";
  sink.offers_xclient = std::string_view(argv[2]) == "xclient";
  auto listening = net::listen_on(*at);
  if (!listening) {
    fmt::print(stderr, "bench_sink: {}\n", listening.error().text);
    return 1;
  }
  net::asio::co_spawn(sink.loop.io,
                      listen(sink, net::make_acceptor(sink.loop.io, *at, std::move(*listening))),
                      net::asio::detached);
  net::asio::signal_set signals(sink.loop.io, SIGTERM, SIGINT);
  signals.async_wait([&sink](net::ErrorCode, int) { sink.loop.io.stop(); });
  sink.loop.io.run();
  fmt::print("{{\"sessions\": {}, \"messages\": {}, \"octets\": {}}}\n", sink.sessions,
             sink.messages, sink.octets);
  std::fflush(stdout);
  std::_Exit(0);  // sessions that are open go with the process
}
