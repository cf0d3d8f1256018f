// The DNS of the benchmarks, on UDP, as cheap as we could make it, so that a storm of questions
// does not take the processor from what is measured. usage: bench_names PORT [MILLISECONDS]
//
// Every client 198.18.x.y has a PTR record mx-198-18-x-y.sender.test that leads back to it, and
// sender.test has an MX. The self-tests of DNS lists hold, and nobody else is listed: everything
// else is NXDOMAIN. Each answer comes after so many milliseconds.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/descriptor.hpp"

namespace {

using namespace smtpguard;

enum Type : std::uint16_t { A = 1, Ptr = 12, Mx = 15 };
constexpr std::size_t kHeader = 12;

struct Query {
  std::vector<std::string> labels;  // in lower case
  std::uint16_t type = 0;
  std::string_view question;  // as it came, behind the header
};

std::optional<Query> parse(std::string_view message) {
  Query query;
  std::size_t at = kHeader;
  while (at < message.size() && message[at] != 0) {
    const auto length = static_cast<std::uint8_t>(message[at]);
    if (length > 63 || at + 1 + length >= message.size()) {
      return std::nullopt;
    }
    std::string label(message.substr(at + 1, length));
    std::transform(label.begin(), label.end(), label.begin(), [](unsigned char letter) {
      return static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
    });
    query.labels.push_back(std::move(label));
    at += 1U + length;
  }
  if (at + 5 > message.size() || query.labels.size() < 2) {
    return std::nullopt;
  }
  query.type = static_cast<std::uint16_t>(static_cast<std::uint8_t>(message[at + 1]) << 8U |
                                          static_cast<std::uint8_t>(message[at + 2]));
  query.question = message.substr(kHeader, at + 5 - kHeader);
  return query;
}

void put16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8U & 0xFFU);
  out += static_cast<char>(value & 0xFFU);
}

std::string encode(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return out + '\0';
}

// "mx-198-18-0-9" is 198.18.0.9.
std::string address_in(std::string_view label) {
  std::string dotted(label.substr(std::min<std::size_t>(label.size(), 3)));
  std::replace(dotted.begin(), dotted.end(), '-', '.');
  in_addr address{};
  if (::inet_pton(AF_INET, dotted.c_str(), &address) != 1) {
    return {};
  }
  return {reinterpret_cast<const char*>(&address), sizeof address};
}

// What stands in the record; empty: there is none.
std::string data_for(const Query& query) {
  const auto& labels = query.labels;
  const bool is_sender = labels[labels.size() - 2] == "sender" && labels.back() == "test";
  if (query.type == Ptr && labels.size() >= 4) {
    return encode(
        fmt::format("mx-{}-{}-{}-{}.sender.test", labels[3], labels[2], labels[1], labels[0]));
  }
  if (query.type == A && is_sender && labels.size() == 3) {
    return address_in(labels[0]);
  }
  if (query.type == Mx && is_sender && labels.size() == 2) {
    std::string data;
    put16(data, 10);
    return data + encode("mx-203-0-113-1.sender.test");
  }
  const std::array<std::string_view, 4> test_entry{"2", "0", "0", "127"};
  if (query.type == A && labels.size() > 4 &&
      std::equal(test_entry.begin(), test_entry.end(), labels.begin())) {
    return std::string("\x7f\0\0\x02", 4);
  }
  return {};
}

std::string answer(std::string_view message, const Query& query) {
  const std::string data = data_for(query);
  const bool exists = !data.empty() || (query.labels[query.labels.size() - 2] == "sender" &&
                                        query.labels.back() == "test");
  std::string said(message.substr(0, 2));
  put16(said, exists ? 0x8180 : 0x8183);
  for (const unsigned count : {1U, data.empty() ? 0U : 1U, 0U, 0U}) {
    put16(said, count);
  }
  said += query.question;
  if (!data.empty()) {
    put16(said, 0xC00C);  // the name that was asked for
    put16(said, query.type);
    put16(said, 1);
    put16(said, 0);
    put16(said, 300);  // TTL
    put16(said, static_cast<unsigned>(data.size()));
    said += data;
  }
  return said;
}

struct Waiting {
  TimePoint due;
  std::string said;
  sockaddr_in client;
};

int serve(const Descriptor& server, Milliseconds delay) {
  const auto send = [&](const std::string& said, const sockaddr_in& client) {
    ::sendto(server.get(), said.data(), said.size(), 0, reinterpret_cast<const sockaddr*>(&client),
             sizeof client);
  };
  std::deque<Waiting> waiting;
  std::array<char, 512> buffer{};
  while (true) {
    const TimePoint now = SteadyClock::now();
    while (!waiting.empty() && waiting.front().due <= now) {
      send(waiting.front().said, waiting.front().client);
      waiting.pop_front();
    }
    pollfd readable{server.get(), POLLIN, 0};
    const int patience =
        waiting.empty()
            ? -1
            : static_cast<int>(std::chrono::ceil<Milliseconds>(waiting.front().due - now).count());
    if (::poll(&readable, 1, patience) <= 0) {
      continue;
    }
    sockaddr_in client{};
    socklen_t length = sizeof client;
    const ssize_t count = ::recvfrom(server.get(), buffer.data(), buffer.size(), 0,
                                     reinterpret_cast<sockaddr*>(&client), &length);
    const std::string_view message(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    const auto query = parse(message);
    if (!query) {
      continue;
    }
    if (delay.count() == 0) {
      send(answer(message, *query), client);
    } else {
      waiting.push_back({SteadyClock::now() + delay, answer(message, *query), client});
    }
  }
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_good = error == std::errc() && end == text.data() + text.size() && value >= 0;
  return is_good ? std::optional(value) : std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc > 1 ? number(argv[1]) : std::nullopt;
  const auto delay = argc > 2 ? number(argv[2]) : 0;
  if (!port || *port > 65535 || !delay) {
    std::fputs("usage: bench_names PORT [MILLISECONDS]\n", stderr);
    return EXIT_FAILURE;
  }
  const Descriptor server(::socket(AF_INET, SOCK_DGRAM, 0));
  const int room = 8 << 20;
  ::setsockopt(server.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(static_cast<std::uint16_t>(*port));
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(server.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
    std::perror("bench_names: bind");
    return EXIT_FAILURE;
  }
  return serve(server, Milliseconds(*delay));
}
