#include "proxy/service/handover.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

#include "conf/base/anonymous_file.hpp"
#include "conf/base/escape.hpp"

namespace smtpguard::service {
namespace {

constexpr std::size_t kLimit = 1'000'000;

// Words of a line; the last field may hold anything but a line end.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  std::string_view word() {
    const auto end = rest_.find(' ');
    const std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return found;
  }
  template <typename Number>
  Number number() {
    const std::string_view text = word();
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    is_good_ = is_good_ && error == std::errc() && end == text.data() + text.size();
    return value;
  }
  std::string rest() { return std::string(std::exchange(rest_, {})); }
  bool ended_well() const { return is_good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

bool take_line(std::string_view line, Handover& handover) {
  Words words(line);
  const std::string_view key = words.word();
  if (key == "started") {
    handover.started = words.rest();
  } else if (key == "began") {
    handover.began = words.number<std::int64_t>();
  } else if (key == "tag") {
    handover.tag = words.number<std::uint32_t>();
  } else if (key == "listener" || key == "control") {
    Handover::Socket socket;
    socket.number = words.number<int>();
    socket.name = words.rest();
    if (key == "control") {
      handover.control = std::move(socket);
    } else {
      handover.listeners.push_back(std::move(socket));
    }
  } else if (key == "worker") {
    Handover::Worker worker;
    worker.pid = words.number<pid_t>();
    worker.channel = words.number<int>();
    worker.ledger = words.number<int>();
    worker.is_serving = words.number<int>() != 0;
    worker.kill_at = words.number<std::int64_t>();
    handover.workers.push_back(worker);
  } else {
    return false;
  }
  return words.ended_well();
}

}  // namespace

std::string to_text(const Handover& handover) {
  std::string text = fmt::format("{}\nstarted {}\nbegan {}\ntag {}\n", kHandoverFormat,
                                 handover.started, handover.began, handover.tag);
  for (const Handover::Socket& listener : handover.listeners) {
    text += fmt::format("listener {} {}\n", listener.number, listener.name);
  }
  if (handover.control) {
    text += fmt::format("control {} {}\n", handover.control->number, handover.control->name);
  }
  for (const Handover::Worker& worker : handover.workers) {
    text += fmt::format("worker {} {} {} {} {}\n", worker.pid, worker.channel, worker.ledger,
                        worker.is_serving ? 1 : 0, worker.kill_at);
  }
  return text;
}

Result<Handover> parse_handover(std::string_view text) {
  Handover handover;
  bool is_first = true;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const bool is_good = is_first ? line == kHandoverFormat : take_line(line, handover);
    if (!is_good) {
      return Error{"hand-over: not understood: " + std::string(line)};
    }
    is_first = false;
  }
  if (is_first) {
    return Error{"hand-over: empty"};
  }
  return handover;
}

std::string trouble_with_handover_format() {
  const char* const value = std::getenv(kHandoverFormatVariable);
  if (value == nullptr || value == kHandoverFormat) {
    return {};
  }
  return fmt::format(
      "the running program hands over as \"{}\", this one takes \"{}\": restart instead",
      escape(value), kHandoverFormat);
}

std::optional<Result<Handover>> take_handover() {
  const char* const value = std::getenv(kHandoverVariable);
  if (value == nullptr) {
    return std::nullopt;
  }
  const Descriptor file(std::atoi(value));
  ::unsetenv(kHandoverVariable);
  const auto text = read_all(file, kLimit);
  if (!text) {
    return Result<Handover>(text.error());
  }
  auto handover = parse_handover(*text);
  if (handover) {
    set_close_on_exec(*handover, true);
  }
  return handover;
}

void set_close_on_exec(const Handover& handover, bool closes) {
  const auto set = [&](int number) { ::fcntl(number, F_SETFD, closes ? FD_CLOEXEC : 0); };
  for (const Handover::Socket& listener : handover.listeners) {
    set(listener.number);
  }
  if (handover.control) {
    set(handover.control->number);
  }
  for (const Handover::Worker& worker : handover.workers) {
    set(worker.channel);
    set(worker.ledger);
  }
}

}  // namespace smtpguard::service
