#include "proxy/tools/tryout_screen.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "conf/base/escape.hpp"
#include "proxy/tools/tryout_daemon.hpp"

namespace smtpguard::tryout {

namespace {

constexpr std::size_t kTwoColumns = 100;
constexpr std::size_t kWidest = 200;
constexpr std::string_view kGap = "  |  ";

constexpr std::string_view kReset = "\033[0m";
constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kDim = "\033[2m";
constexpr std::string_view kRed = "\033[31m";
constexpr std::string_view kGreen = "\033[32m";
constexpr std::string_view kYellow = "\033[33m";
constexpr std::string_view kCyan = "\033[36m";
constexpr std::string_view kPlain;

// Cuts at a blank where one is near; what follows is indented.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  constexpr std::size_t kIndent = 4;
  std::vector<std::string> rows;
  std::string indent;
  while (width > 2 * kIndent && text.size() + indent.size() > width) {
    const std::size_t room = width - indent.size();
    const std::size_t blank = text.rfind(' ', room);
    const bool is_near = blank != std::string_view::npos && blank > room / 2;
    const std::size_t cut = is_near ? blank : room;
    rows.push_back(indent + std::string(text.substr(0, cut)));
    text.remove_prefix(is_near ? cut + 1 : cut);
    indent.assign(kIndent, ' ');
  }
  rows.push_back(indent + std::string(text));
  return rows;
}

std::string_view colour_of_event(std::string_view line) {
  const std::string_view event = value_of(line, "event");
  if (event == "early") {
    return kYellow;
  }
  if (event == "summary") {
    return kBold;
  }
  const std::string_view reply = value_of(line, "reply");
  if (event == "backend" || reply.starts_with('4') || reply.starts_with('5')) {
    return kRed;
  }
  return kPlain;
}

std::string_view colour_of_reply(std::string_view line) {
  if (line.starts_with('4') || line.starts_with('5')) {
    return kRed;
  }
  return line.starts_with('(') ? kDim : kGreen;
}

// The session's id stands in the heading; repeated in each line it would only take room.
std::string without_session(std::string_view line) {
  if (!line.starts_with("session=")) {
    return std::string(line);
  }
  const std::size_t blank = line.find(' ');
  return std::string(blank == std::string_view::npos ? line : line.substr(blank + 1));
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return 80;
  }
  return std::min<std::size_t>(size.ws_col, kWidest);
}

}  // namespace

Screen::Screen() {
  is_terminal_ = ::isatty(STDOUT_FILENO) != 0;
  const char* const no_colour = std::getenv("NO_COLOR");
  const char* const term = std::getenv("TERM");
  has_colours_ = is_terminal_ && (no_colour == nullptr || *no_colour == '\0') && term != nullptr &&
                 std::string_view(term) != "dumb";
  width_ = is_terminal_ ? terminal_width() : 0;
}

Screen::~Screen() {
  if (has_colours_) {
    fmt::print("{}", kReset);
  }
  std::fflush(stdout);
}

void Screen::say(std::string_view line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void Screen::warn(std::string_view line) {
  say(painted({std::string(line), kRed}));
}

std::string Screen::strong(std::string_view text) const {
  return painted({std::string(text), kBold});
}

bool Screen::is_gone() const {
  pollfd out{STDOUT_FILENO, 0, 0};
  return ::poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

std::string Screen::painted(const Cell& cell) const {
  if (!has_colours_ || cell.colour.empty()) {
    return cell.text;
  }
  return fmt::format("{}{}{}", cell.colour, cell.text, kReset);
}

std::vector<Screen::Cell> Screen::client_cells(const Transcript& transcript,
                                               std::size_t width) const {
  std::vector<Cell> cells;
  for (const Spoken& spoken : transcript.lines) {
    const std::string text = fmt::format("{:5.2f} {} {}", spoken.seconds,
                                         spoken.by_client ? "C:" : "S:", escape(spoken.line));
    for (std::string& row : wrapped(text, width)) {
      cells.push_back({std::move(row), spoken.by_client ? kCyan : colour_of_reply(spoken.line)});
    }
  }
  return cells;
}

std::vector<Screen::Cell> Screen::log_cells(const std::vector<std::string>& log,
                                            std::size_t width) const {
  std::vector<Cell> cells;
  for (const std::string& line : log) {
    for (std::string& row : wrapped(without_session(line), width)) {
      cells.push_back({std::move(row), colour_of_event(line)});
    }
  }
  return cells;
}

void Screen::show_columns(const std::vector<Cell>& left, const std::vector<Cell>& right,
                          std::size_t width) {
  const Cell empty{};
  for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const Cell& a = i < left.size() ? left[i] : empty;
    const Cell& b = i < right.size() ? right[i] : empty;
    const std::size_t padding = width - std::min(width, a.text.size());
    say(fmt::format("{}{:{}}{}{}", painted(a), "", padding, painted({std::string(kGap), kDim}),
                    painted(b)));
  }
}

void Screen::show(const Scenario& scenario, const Transcript& transcript,
                  const std::vector<std::string>& log) {
  const std::string id(log.empty() ? "" : value_of(" " + log.front(), "session"));
  say();
  say(fmt::format("{}: {}", strong(scenario.title), scenario.about));
  const std::string client = fmt::format("what the client saw ({})", transcript.client);
  const std::string told = fmt::format("what the log says (session={})", id);
  if (width_ >= kTwoColumns) {
    const std::size_t left_width = (width_ - kGap.size()) * 2 / 5;
    const std::size_t right_width = width_ - kGap.size() - left_width;
    show_columns({{client, kDim}}, {{told, kDim}}, left_width);
    show_columns(client_cells(transcript, left_width), log_cells(log, right_width), left_width);
    return;
  }
  const std::size_t room = width_ > 4 ? width_ - 4 : 0;
  say(fmt::format("  {}", client));
  for (const Cell& cell : client_cells(transcript, room)) {
    say(fmt::format("    {}", painted(cell)));
  }
  say(fmt::format("  {}", told));
  for (const Cell& cell : log_cells(log, room)) {
    say(fmt::format("    {}", painted(cell)));
  }
}

void Screen::live(std::string_view line) {
  const std::string_view told = without_prefix(line);
  for (const std::string& row : wrapped(told, width_)) {
    say(painted({row, colour_of_event(told)}));
  }
}

}  // namespace smtpguard::tryout
