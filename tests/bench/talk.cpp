#include "tests/bench/talk.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "proxy/net/tcp.hpp"

namespace smtpguard::bench {

namespace {

// IP_BIND_ADDRESS_NO_PORT of Linux; systems that lack it refuse it, which harms nothing.
constexpr int kBindAddressNoPort = 24;

// Shared by all connections: what is read is moved on before anybody else reads.
std::array<char, 65536> g_scratch;

}  // namespace

net::Awaitable<bool> Talk::connect(const IpAddress& from, const Endpoint& to) {
  const auto target = net::to_asio(to);
  const auto source = net::to_asio(Endpoint{from, 0});
  net::ErrorCode error;
  socket_.open(target.protocol(), error);
  if (error) {
    co_return false;
  }
  socket_.non_blocking(true, error);
  socket_.set_option(net::asio::ip::tcp::no_delay(true), error);
  // The port is to be chosen at connect(), by address: else all clients together have 28,000 ports.
  const int yes = 1;
  ::setsockopt(socket_.native_handle(), IPPROTO_IP, kBindAddressNoPort, &yes, sizeof yes);
  if (::bind(socket_.native_handle(), source.data(), static_cast<socklen_t>(source.size())) != 0) {
    co_return false;
  }
  if (::connect(socket_.native_handle(), target.data(), static_cast<socklen_t>(target.size())) !=
          0 &&
      errno != EINPROGRESS) {
    co_return false;
  }
  const net::Wake wake = co_await wait_.writable(socket_, deadline_);
  co_return wake == net::Wake::Ready&& net::connect_outcome(socket_).has_value();
}

net::Awaitable<bool> Talk::more() {
  while (true) {
    const net::Io io = net::read_some(socket_, g_scratch);
    if (io.status == net::Io::Status::Done) {
      input_.append(g_scratch.data(), io.count);
      co_return true;
    }
    if (io.status != net::Io::Status::WouldBlock) {
      co_return false;
    }
    const net::Wake wake = co_await wait_.readable(socket_, deadline_);
    if (wake != net::Wake::Ready) {
      co_return false;
    }
  }
}

net::Awaitable<std::optional<std::string>> Talk::line() {
  while (true) {
    const std::size_t end = input_.find('\n');
    if (end != std::string::npos) {
      std::string found = input_.substr(0, end > 0 && input_[end - 1] == '\r' ? end - 1 : end);
      input_.erase(0, end + 1);
      co_return found;
    }
    const bool came = co_await more();
    if (!came) {
      co_return std::nullopt;
    }
  }
}

net::Awaitable<int> Talk::reply() {
  while (true) {
    const std::optional<std::string> text = co_await line();
    if (!text || text->size() < 3) {
      co_return 0;
    }
    if (text->size() == 3 || (*text)[3] != '-') {
      int code = 0;
      std::from_chars(text->data(), text->data() + 3, code);
      co_return code;
    }
  }
}

net::Awaitable<bool> Talk::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const net::Io io = net::write_some(socket_, bytes);
    if (io.status == net::Io::Status::Done) {
      bytes.remove_prefix(io.count);
      continue;
    }
    if (io.status != net::Io::Status::WouldBlock) {
      co_return false;
    }
    const net::Wake wake = co_await wait_.writable(socket_, deadline_);
    if (wake != net::Wake::Ready) {
      co_return false;
    }
  }
  co_return true;
}

}  // namespace smtpguard::bench
