// smtpguard-tryout — the main job on this machine, in one command: smtpguard in front of a small
// backend, a handful of sessions that show what it does, then a place to try it by hand. `make run`
// starts it. Leaves nothing behind: the folder is removed and the child ended however it ends.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/tools/tryout_backend.hpp"
#include "proxy/tools/tryout_clients.hpp"
#include "proxy/tools/tryout_daemon.hpp"
#include "proxy/tools/tryout_screen.hpp"
#include "proxy/tools/tryout_socket.hpp"

namespace smtpguard::tryout {

namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t kPort = 2525;
constexpr std::uint16_t kPortsTried = 20;
constexpr milliseconds kStartTime{10'000};
constexpr milliseconds kSummaryTime{5'000};
constexpr milliseconds kStep{200};

constexpr std::string_view kUsage =
    "usage: smtpguard-tryout [--once] [--daemon FILE]\n"
    "  --once         end after the sessions; status 0 if all went as expected (also: "
    "TRYOUT_ONCE=1)\n"
    "  --daemon FILE  the smtpguard to try; the one that was built beside this program by "
    "default\n";

struct Options {
  bool once = false;
  fs::path daemon;
};

std::optional<Options> read_options(int count, char** arguments) {
  Options options;
  const char* const once = std::getenv("TRYOUT_ONCE");
  options.once = once != nullptr && std::string_view(once) == "1";
  options.daemon = fs::canonical(arguments[0]).parent_path().parent_path() / "smtpguard";
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--once") {
      options.once = true;
    } else if (argument == "--daemon" && i + 1 < count) {
      options.daemon = fs::absolute(arguments[++i]);
    } else {
      return std::nullopt;
    }
  }
  return options;
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "smtpguard-tryout.").string() +
                       std::string(6, 'X');  // mkdtemp's pattern
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error(name + ": " + std::strerror(errno));
    }
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// SIGINT, SIGTERM and SIGHUP trigger Stop. All threads must be made after it: they inherit its
// mask.
class Signals {
 public:
  explicit Signals(Stop& stop) {
    ::signal(SIGPIPE, SIG_IGN);
    ::sigemptyset(&set_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
      ::sigaddset(&set_, number);
    }
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    waiter_ = std::thread([this, &stop] {
      int number = 0;
      ::sigwait(&set_, &number);
      stop.trigger();
    });
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() {
    // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread): sigwait() takes it, nothing is killed
    ::pthread_kill(waiter_.native_handle(), SIGTERM);
    waiter_.join();
  }

 private:
  sigset_t set_{};
  std::thread waiter_;
};

// The port to use; a test takes any, people get the one of the documentation or the next.
std::optional<std::uint16_t> find_port(bool once) {
  if (once) {
    return own_port(listen_on_loopback(0));
  }
  for (std::uint16_t i = 0; i < kPortsTried; ++i) {
    const auto port = static_cast<std::uint16_t>(kPort + i);
    if (listen_on_loopback(port).is_valid()) {
      return port;
    }
  }
  return std::nullopt;
}

struct Ports {
  std::uint16_t plain = 0;
  std::uint16_t front_end = 0;  // for clients that a PROXY header names
  std::uint16_t backend = 0;
};

fs::path write_configuration(const fs::path& folder, const Ports& ports) {
  const fs::path answers_file = folder / "answers";
  std::ofstream(answers_file) << answers();
  fs::path file = folder / "smtpguard.toml";
  std::ofstream(file) << fmt::format(R"(hostname = "mx.example.org"

[[listener]]
address = "127.0.0.1:{}"

[[listener]]
address = "127.0.0.1:{}"
proxy_from = ["127.0.0.1"]
policy = "lenient"

[policy.default]
greet_delay = "1s"

[policy.lenient]
recipients = ["lenient@example.org"]
greet_delay = "0s"

[policy.balanced]
posture = "balanced"
recipients = ["balanced@example.org"]

[policy.strict]
posture = "strict"
recipients = ["strict@example.org"]

[backend]
address = "127.0.0.1:{}"
identity = "proxy-v2"

[recipients]
domains = ["example.org"]

[networks]
local = []

[dns]
answers = "answers"

[memory]
enabled = false

[dnsbl]

[[dnsbl.list]]
zone = "lists.test"
label = "lists"
codes = ["127.0.0.4 8 exploit"]

[[dnsbl.list]]
zone = "blocked.test"
label = "blocked"
codes = ["127.0.0.2 8 spam"]

[log]
syslog = false

[control]
socket = "control.sock"
)",
                                     ports.plain, ports.front_end, ports.backend);
  return file;
}

bool is_installed(std::string_view program) {
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const fs::path file = fs::path(rest.substr(0, end)) / program;
    if (::access(file.c_str(), X_OK) == 0) {
      return true;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

// A command that is there and sends CRLF. Plain `nc` may send LF alone, which SMTP does not take.
std::string command_to_try(std::uint16_t port) {
  if (is_installed("swaks")) {
    return fmt::format("swaks --server 127.0.0.1:{} --from me@example.net --to you@example.org",
                       port);
  }
  if (is_installed("telnet")) {
    return fmt::format("telnet 127.0.0.1 {}", port);
  }
  for (const char* const netcat : {"ncat", "nc.openbsd"}) {
    if (is_installed(netcat)) {
      return fmt::format("{} -C 127.0.0.1 {}", netcat, port);
    }
  }
  if (is_installed("curl")) {
    return fmt::format(
        "echo 'Subject: hello' | curl -v --crlf --mail-from me@example.net "
        "--mail-rcpt you@example.org -T - smtp://127.0.0.1:{}/client.example.net",
        port);
  }
  return fmt::format(
      "bash -c 'exec 3<>/dev/tcp/127.0.0.1/{}; cat <&3 & while read -r l; do printf \"%s\\r\\n\" "
      "\"$l\" >&3; done'",
      port);
}

enum class Outcome : std::uint8_t {
  AsExpected,
  Otherwise,
  Stopped,  // Ctrl-C
  Broken,   // smtpguard did not start, or died
};

class Tryout {
 public:
  Tryout(const Options& options, Screen& screen, Stop& stop)
      : options_(options), screen_(screen), stop_(stop) {}

  int run() {
    const auto port = find_port(options_.once);
    Backend backend(folder_.path(), stop_);
    // The backend's threads end by Stop, also when this is left by an error.
    class AtEnd {
     public:
      explicit AtEnd(Stop& stop) : stop_(stop) {}
      AtEnd(const AtEnd&) = delete;
      AtEnd& operator=(const AtEnd&) = delete;
      ~AtEnd() { stop_.trigger(); }

     private:
      Stop& stop_;
    };
    const AtEnd at_end(stop_);
    if (!port || !backend.is_listening()) {
      screen_.warn(
          fmt::format("No free port between {} and {} on 127.0.0.1; see who has them: ss -ltn",
                      kPort, kPort + kPortsTried - 1));
      return 1;
    }
    ports_ = {*port, own_port(listen_on_loopback(0)), backend.port()};
    Daemon daemon(options_.daemon, write_configuration(folder_.path(), ports_));
    introduce(backend);
    const Outcome outcome = play_all(daemon, backend);
    if (outcome == Outcome::Broken) {
      return report_death(daemon);
    }
    if (outcome == Outcome::Stopped) {
      return options_.once ? 1 : leave();
    }
    if (options_.once) {
      return outcome == Outcome::AsExpected ? 0 : 1;
    }
    return stay_up(daemon, backend);
  }

 private:
  // The first of our clients comes before smtpguard listens. It tries until it gets through: a
  // connection only to see would be one more session in the log.
  Descriptor connect(const Daemon& daemon, std::uint16_t port) {
    Descriptor socket;
    for (milliseconds waited{0}; waited < kStartTime; waited += kStep / 4) {
      socket = connect_to_loopback(port);
      if (socket.is_valid() || !daemon.is_running() || stop_.wait(kStep / 4)) {
        break;
      }
    }
    return socket;
  }

  int report_death(const Daemon& daemon) {
    screen_.warn(fmt::format("smtpguard ({}) did not start or has ended. It said:",
                             options_.daemon.string()));
    for (const std::string& line : daemon.lines()) {
      screen_.say("  " + line);
    }
    return 1;
  }

  void introduce(const Backend& backend) {
    if (!options_.once && ports_.plain != kPort) {
      screen_.warn(fmt::format("Port {} is taken, so {} is used (who has it: ss -ltnp).", kPort,
                               ports_.plain));
    }
    screen_.say(fmt::format("smtpguard listens on {}, a try-out backend on 127.0.0.1:{}.",
                            screen_.strong(fmt::format("127.0.0.1:{}", ports_.plain)),
                            backend.port()));
    screen_.say(fmt::format("Each message that comes through is a file in {}.",
                            screen_.strong(folder_.path().string())));
    screen_.say(
        "Taken are recipients @example.org; the greeting waits one second, to see who does not.");
    screen_.say(
        "The DNS is a file beside them. Clients from 203.0.113.x come by a front end (PROXY "
        "protocol).");
  }

  Outcome play_all(const Daemon& daemon, const Backend& backend) {
    std::size_t as_expected = 0;
    for (const Scenario& scenario : scenarios()) {
      const bool is_direct = scenario.address.empty();
      Descriptor socket = connect(daemon, is_direct ? ports_.plain : ports_.front_end);
      if (!socket.is_valid()) {
        return stop_.is_triggered() ? Outcome::Stopped : Outcome::Broken;
      }
      const Transcript transcript = play(scenario, std::move(socket), stop_);
      const std::vector<std::string> log = daemon.session_of(transcript.client, kSummaryTime);
      if (stop_.is_triggered()) {
        return Outcome::Stopped;
      }
      screen_.show(scenario, transcript, log);
      for (const StoredMessage& message : backend.messages()) {
        if (message.client == transcript.client) {
          screen_.say(fmt::format("  The backend has it, as from {}: {}", message.client,
                                  screen_.strong(message.file.string())));
        }
      }
      const std::vector<std::string> missing = unmet(scenario, transcript, log, backend.messages());
      for (const std::string& what : missing) {
        screen_.warn("  not as expected; should be: " + what);
      }
      as_expected += missing.empty() ? 1U : 0U;
    }
    const std::size_t all = scenarios().size();
    screen_.say();
    screen_.say(fmt::format("{} of {} sessions went as expected.", as_expected, all));
    return as_expected == all ? Outcome::AsExpected : Outcome::Otherwise;
  }

  int stay_up(const Daemon& daemon, const Backend& backend) {
    std::size_t shown = daemon.lines().size();
    std::size_t stored = backend.messages().size();
    screen_.say();
    screen_.say("Try it by hand, from another terminal:");
    screen_.say("  " + screen_.strong(command_to_try(ports_.plain)));
    screen_.say("The log follows here. Ctrl-C ends all and removes the folder.");
    screen_.say();
    while (!stop_.wait(kStep)) {
      for (const std::string& line : daemon.lines(shown)) {
        screen_.live(line);
        ++shown;
      }
      const std::vector<StoredMessage> messages = backend.messages();
      for (; stored < messages.size(); ++stored) {
        screen_.say(fmt::format("A message came through: {}",
                                screen_.strong(messages[stored].file.string())));
      }
      if (!daemon.is_running()) {
        return report_death(daemon);
      }
      if (screen_.is_gone()) {
        return 0;
      }
    }
    return leave();
  }

  int leave() {
    screen_.say();
    screen_.say("Ended; nothing is left behind.");
    return 0;
  }

  const Options& options_;
  Screen& screen_;
  Stop& stop_;
  TemporaryFolder folder_;
  Ports ports_;
};

}  // namespace

}  // namespace smtpguard::tryout

int main(int count, char** arguments) {
  using namespace smtpguard::tryout;
  try {
    const auto options = read_options(count, arguments);
    if (!options) {
      fmt::print(stderr, "{}", kUsage);
      return 2;
    }
    Stop stop;
    const Signals signals(stop);
    Screen screen;
    return Tryout(*options, screen, stop).run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "smtpguard-tryout: {}\n", error.what());
    return 1;
  }
}
