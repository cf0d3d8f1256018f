#include "proxy/control/protocol.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"

namespace smtpguard::control {

bool takes_argument(Command command) {
  return command == Command::MemoryShow || command == Command::MemoryForget ||
         command == Command::Pass || command == Command::BlockDelete || takes_text(command);
}

bool takes_text(Command command) {
  return command == Command::BlockAdd || command == Command::CorrespondentsImport ||
         command == Command::MemoryRecall;
}

namespace {

struct Named {
  std::string_view words;
  Command command;
};

constexpr std::array kCommands{
    Named{"status", Command::Status},
    Named{"sessions", Command::Sessions},
    Named{"reload", Command::Reload},
    Named{"upgrade", Command::Upgrade},
    Named{"drain", Command::Drain},
    Named{"stop", Command::Stop},
    Named{"log reopen", Command::ReopenLogs},
    Named{"dnsbl stats", Command::ListStats},
    Named{"memory stats", Command::MemoryStats},
    Named{"memory show", Command::MemoryShow},
    Named{"memory forget", Command::MemoryForget},
    Named{"pass", Command::Pass},
    Named{"memory recall", Command::MemoryRecall},
    Named{"greylist list", Command::GreylistList},
    Named{"correspondents list", Command::CorrespondentsList},
    Named{"correspondents import", Command::CorrespondentsImport},
    Named{"block add", Command::BlockAdd},
    Named{"block list", Command::BlockList},
    Named{"block del", Command::BlockDelete},
};

constexpr std::string_view kJson = "json ";
constexpr std::string_view kOk = "ok ";
constexpr std::string_view kError = "error ";

// The words alone, or with one word behind them.
bool fits(const Named& known, std::string_view words) {
  if (!takes_argument(known.command)) {
    return words == known.words;
  }
  if (!words.starts_with(known.words) || words.size() < known.words.size() + 2 ||
      words[known.words.size()] != ' ') {
    return false;
  }
  words.remove_prefix(known.words.size() + 1);
  const char first = takes_text(known.command) ? ' ' : '!';
  return words.front() != ' ' &&
         std::all_of(words.begin(), words.end(), [&](char c) { return c >= first && c < '\x7f'; });
}

std::string all_commands() {
  std::string text;
  for (const Named& known : kCommands) {
    text += text.empty() ? "" : ", ";
    text += known.words;
  }
  return text;
}

}  // namespace

std::string_view to_string(Command command) {
  const auto* const known =
      std::find_if(kCommands.begin(), kCommands.end(),
                   [&](const Named& candidate) { return candidate.command == command; });
  return known == kCommands.end() ? std::string_view("?") : known->words;
}

Result<Request> parse_request(std::string_view line) {
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  Request request;
  std::string_view words = line;
  if (words.starts_with(kJson)) {
    request.form = Form::Json;
    words.remove_prefix(kJson.size());
  }
  const auto* const known = std::find_if(kCommands.begin(), kCommands.end(),
                                         [&](const Named& one) { return fits(one, words); });
  if (known == kCommands.end()) {
    return Error{"unknown command \"" + escape(words, kRequestLimit) +
                 "\"; known: " + all_commands()};
  }
  request.command = known->command;
  if (takes_argument(known->command)) {
    request.argument = words.substr(known->words.size() + 1);
  }
  return request;
}

std::string to_wire(const Request& request) {
  std::string line(request.form == Form::Json ? kJson : std::string_view());
  line += to_string(request.command);
  line += request.argument.empty() ? "" : " ";
  line += request.argument;
  line += '\n';
  return line;
}

std::string to_wire(const Answer& answer) {
  std::string bytes(answer.is_ok ? kOk : kError);
  bytes += std::to_string(answer.body.size());
  bytes += '\n';
  bytes += answer.body;
  return bytes;
}

Result<Answer> parse_answer(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  std::string_view head = bytes.substr(0, end);
  Answer answer;
  answer.is_ok = head.starts_with(kOk);
  std::optional<std::uint64_t> length;
  if (end != std::string_view::npos && (answer.is_ok || head.starts_with(kError))) {
    head.remove_prefix(answer.is_ok ? kOk.size() : kError.size());
    length = parse_number(head);
  }
  if (!length) {
    return Error{bytes.empty() ? "closed without an answer"
                               : "no answer of smtpguard: \"" + escape(bytes, 80) + "\""};
  }
  answer.body = bytes.substr(end + 1);
  if (answer.body.size() != *length) {
    return Error{"answer cut off: " + std::to_string(answer.body.size()) + " of " +
                 std::to_string(*length) + " octets"};
  }
  return answer;
}

}  // namespace smtpguard::control
