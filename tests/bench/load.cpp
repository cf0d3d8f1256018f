// The clients of the benchmarks: good ones, early talkers and silent ones, as many and as fast as
// told, from addresses of their own. One event loop on one thread; prints one line of JSON.
// usage: bench_load ADDRESS:PORT KIND key=value...
//   good    EHLO, MAIL, RCPT, DATA, QUIT; lost when any answer is not the expected one
//   early   says EHLO, MAIL and RCPT at once and leaves at the first refusal
//   silent  says nothing, whatever it is told, and leaves after `stay`
//   hold    as silent, but all stay until the last has come and `stay` is over; then they are
//   counted count=N        clients in all (1000)         octets=N  of a message's text (1000)
//   at_once=N      so many beside each other (8), unless
//   rate=N         new ones per second, whether others have ended or not
//   from=ADDRESS   the first client's address (198.18.0.1); each has the next one
//   addresses=N    then from the first again (50)
//   stay=SECONDS   (10)       to=RECIPIENT  (b@example.net)
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/ip_address.hpp"
#include "tests/bench/talk.hpp"

namespace {

using namespace smtpguard;
using namespace std::chrono_literals;
using bench::Loop;
using bench::Talk;

constexpr Milliseconds kPatience = 60s;  // of a good client, for a whole session

struct Plan {
  Endpoint target;
  std::string kind;
  std::uint32_t count = 1000;
  std::uint32_t at_once = 8;
  std::uint32_t rate = 0;
  std::uint32_t from = 198U << 24U | 18U << 16U | 1U;
  std::uint32_t addresses = 50;
  std::uint32_t octets = 1000;
  Milliseconds stay = 10s;
  std::string recipient = "b@example.net";
};

struct Load {
  Plan plan;
  Loop loop;
  std::string message;
  std::uint32_t started = 0;
  std::uint32_t ended = 0;
  std::map<std::string, std::uint32_t> outcomes;
  std::vector<double> greetings;  // milliseconds from the first SYN to the whole 220
  std::vector<double> sessions;   // ... to the answer to QUIT
  TimePoint began = SteadyClock::now();
  TimePoint all_there;
};

double milliseconds_since(TimePoint began) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - began).count();
}

IpAddress client_address(const Plan& plan, std::uint32_t number) {
  const std::uint32_t host = plan.from + number % plan.addresses;
  return IpAddress::v4({static_cast<std::uint8_t>(host >> 24U),
                        static_cast<std::uint8_t>(host >> 16U),
                        static_cast<std::uint8_t>(host >> 8U), static_cast<std::uint8_t>(host)});
}

// "mx-198-18-0-1.sender.test", as the name server of the benchmark has it.
std::string name_of(const IpAddress& address) {
  std::string name = "mx-" + address.to_string() + ".sender.test";
  std::replace(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(name.find(".sender")), '.',
               '-');
  return name;
}

// Each returns how it ended; "ok" is what a client of its kind hopes for.
net::Awaitable<std::string> send_mail(Load& load, Talk& talk, const IpAddress& client) {
  const TimePoint began = SteadyClock::now();
  talk.set_deadline(kPatience);
  const bool connected = co_await talk.connect(client, load.plan.target);
  if (!connected) {
    co_return "no connection";
  }
  int code = co_await talk.reply();
  if (code != 220) {
    co_return fmt::format("greeting {}", code);
  }
  load.greetings.push_back(milliseconds_since(began));
  const std::string name = name_of(client);
  const std::vector<std::pair<std::string, int>> steps = {
      {"EHLO " + name + "\r\n", 250},
      {"MAIL FROM:<a@sender.test>\r\n", 250},
      {"RCPT TO:<" + load.plan.recipient + ">\r\n", 250},
      {"DATA\r\n", 354}};
  for (const auto& [command, expected] : steps) {
    const bool sent = co_await talk.send(command);
    code = sent ? 1 : 0;
    if (sent) {
      code = co_await talk.reply();
    }
    if (code != expected) {
      co_return fmt::format("{} {}", command.substr(0, 4), code);
    }
  }
  const bool sent = co_await talk.send(load.message);
  if (!sent) {
    co_return "message not taken";
  }
  code = co_await talk.reply();
  if (code != 250) {
    co_return fmt::format("message {}", code);
  }
  const bool quit = co_await talk.send("QUIT\r\n");
  code = quit ? 1 : 0;
  if (quit) {
    code = co_await talk.reply();
  }
  load.sessions.push_back(milliseconds_since(began));
  co_return code == 221 ? "ok" : fmt::format("QUIT {}", code);
}

net::Awaitable<std::string> talk_early(Load& load, Talk& talk, const IpAddress& client) {
  talk.set_deadline(30s);
  const bool connected = co_await talk.connect(client, load.plan.target);
  if (!connected) {
    co_return "no connection";
  }
  const bool sent = co_await talk.send(
      "EHLO bot.example\r\nMAIL FROM:<a@bot.example>\r\nRCPT TO:<x@example.net>\r\n");
  if (!sent) {
    co_return "closed";
  }
  for (int replies = 0; replies < 4; ++replies) {
    const int code = co_await talk.reply();
    if (code >= 400 || code == 0) {
      co_return code == 0 ? std::string("closed") : fmt::format("refused {}", code);
    }
  }
  co_return "accepted";
}

net::Awaitable<std::string> keep_silent(Load& load, Talk& talk, const IpAddress& client) {
  const bool holds = load.plan.kind == "hold";
  talk.set_deadline(holds ? 600s : load.plan.stay);
  const bool connected = co_await talk.connect(client, load.plan.target);
  if (!connected) {
    co_return "no connection";
  }
  // The end of a "hold" is not waited for: whoever is here then is counted as held.
  while (true) {
    const std::optional<std::string> line = co_await talk.line();
    if (!line) {
      co_return talk.is_late() ? "ok" : "closed";
    }
    if (line->starts_with("4") || line->starts_with("5")) {
      co_return "turned away";
    }
  }
}

net::Awaitable<void> play(Load& load, std::uint32_t number) {
  const IpAddress client = client_address(load.plan, number);
  Talk talk(load.loop);
  std::string outcome;
  if (load.plan.kind == "good") {
    outcome = co_await send_mail(load, talk, client);
  } else if (load.plan.kind == "early") {
    outcome = co_await talk_early(load, talk, client);
  } else {
    outcome = co_await keep_silent(load, talk, client);
  }
  ++load.outcomes[outcome];
  ++load.ended;
}

// Closed loop: the next client comes when one has gone.
net::Awaitable<void> play_in_turn(Load& load) {
  while (load.started < load.plan.count) {
    const std::uint32_t number = load.started++;
    co_await play(load, number);
  }
}

// Open loop: clients come at their rate.
net::Awaitable<void> play_at_rate(Load& load) {
  net::asio::basic_waitable_timer<SteadyClock, net::asio::wait_traits<SteadyClock>, net::Executor>
      timer(load.loop.io);
  while (load.started < load.plan.count) {
    const double due = milliseconds_since(load.began) * load.plan.rate / 1000.0;
    while (load.started < load.plan.count && load.started < due) {
      net::asio::co_spawn(load.loop.io, play(load, load.started++), net::asio::detached);
    }
    load.all_there = SteadyClock::now();
    timer.expires_after(1ms);
    co_await timer.async_wait(net::kUseTuple);
  }
  if (load.plan.kind == "hold") {
    timer.expires_after(load.plan.stay);
    co_await timer.async_wait(net::kUseTuple);
    load.loop.io.stop();
  }
}

double percentile(std::vector<double>& values, double part) {
  if (values.empty()) {
    return std::nan("");
  }
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

std::string milliseconds(std::vector<double>& values) {
  if (values.empty()) {
    return "null";
  }
  return fmt::format("{{\"p50\": {:.3f}, \"p99\": {:.3f}, \"max\": {:.3f}}}",
                     percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1));
}

void print(Load& load, double seconds) {
  if (load.plan.kind == "hold") {
    load.outcomes["held"] += load.started - load.ended;
  }
  std::string outcomes;
  for (const auto& [word, count] : load.outcomes) {
    outcomes += fmt::format("{}\"{}\": {}", outcomes.empty() ? "" : ", ", word, count);
  }
  fmt::print(
      "{{\"seconds\": {:.3f}, \"arrival\": {:.3f}, \"outcomes\": {{{}}}, \"greeting_ms\": {}, "
      "\"session_ms\": {}}}\n",
      seconds, std::chrono::duration<double>(load.all_there - load.began).count(), outcomes,
      milliseconds(load.greetings), milliseconds(load.sessions));
}

bool read_number(std::string_view text, std::uint32_t& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

bool read(Plan& plan, std::string_view argument) {
  const std::size_t equals = argument.find('=');
  if (equals == std::string_view::npos) {
    return false;
  }
  const std::string_view key = argument.substr(0, equals);
  const std::string_view value = argument.substr(equals + 1);
  const std::map<std::string_view, std::uint32_t*> numbers = {{"count", &plan.count},
                                                              {"at_once", &plan.at_once},
                                                              {"rate", &plan.rate},
                                                              {"addresses", &plan.addresses},
                                                              {"octets", &plan.octets}};
  if (const auto found = numbers.find(key); found != numbers.end()) {
    return read_number(value, *found->second);
  }
  if (key == "to") {
    plan.recipient = value;
    return true;
  }
  if (key == "stay") {
    std::uint32_t seconds = 0;
    const bool good = read_number(value, seconds);
    plan.stay = std::chrono::seconds(seconds);
    return good;
  }
  if (key == "from") {
    const auto address = IpAddress::parse(value);
    if (!address || !address->is_v4()) {
      return false;
    }
    plan.from = 0;
    for (std::size_t octet = 0; octet < 4; ++octet) {
      plan.from = plan.from << 8U | address->bytes()[octet];
    }
    return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  Load load;
  const auto target = argc >= 3 ? Endpoint::parse(argv[1]) : std::nullopt;
  bool is_good = target.has_value();
  if (is_good) {
    load.plan.target = *target;
    load.plan.kind = argv[2];
    const std::string_view kind = load.plan.kind;
    is_good = kind == "good" || kind == "early" || kind == "silent" || kind == "hold";
    for (int number = 3; number < argc; ++number) {
      is_good = is_good && read(load.plan, argv[number]);
    }
  }
  if (!is_good || (load.plan.kind == "hold" && load.plan.rate == 0)) {
    std::fputs("usage: bench_load ADDRESS:PORT good|early|silent|hold key=value...; see load.cpp\n",
               stderr);
    return 2;
  }
  load.message = "From: <a@sender.test>\r\nSubject: bench\r\n\r\n";
  while (load.message.size() < load.plan.octets) {
    load.message += std::string(76, 'x') + "\r\n";
  }
  load.message += ".\r\n";

  load.began = SteadyClock::now();
  if (load.plan.rate > 0) {
    net::asio::co_spawn(load.loop.io, play_at_rate(load), net::asio::detached);
  } else {
    for (std::uint32_t number = 0; number < load.plan.at_once; ++number) {
      net::asio::co_spawn(load.loop.io, play_in_turn(load), net::asio::detached);
    }
    load.all_there = load.began;
  }
  while (load.ended < load.plan.count && !load.loop.io.stopped()) {
    load.loop.io.run_one();
  }
  print(load, milliseconds_since(load.began) / 1000);
  std::fflush(stdout);
  std::_Exit(0);  // connections that are open go with the process
}
