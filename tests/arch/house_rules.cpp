#include "tests/arch/house_rules.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <string_view>

namespace smtpguard::arch {
namespace {

constexpr std::size_t kMostLines = 500;

std::string breach(const SourceText& source, std::size_t line, const std::string& what) {
  return source.path + ":" + std::to_string(line) + ": " + what;
}

struct Include {
  std::size_t line = 0;
  std::string_view path;
  bool is_ours = false;  // "quoted"
};

std::vector<Include> includes_of(const SourceText& source) {
  std::vector<Include> includes;
  for (const Line& line : lines_of(source.text)) {
    std::string_view text = line.text;
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    if (!text.starts_with('#')) {
      continue;
    }
    text.remove_prefix(1);
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    if (!text.starts_with("include")) {
      continue;
    }
    const std::size_t open = text.find_first_of("<\"");
    if (open == std::string_view::npos) {
      continue;
    }
    const bool is_ours = text[open] == '"';
    const std::size_t close = text.find(is_ours ? '"' : '>', open + 1);
    includes.push_back({line.number, text.substr(open + 1, close - open - 1), is_ours});
  }
  return includes;
}

struct Room {
  std::string_view folder;
  std::vector<std::string_view> may_include;  // beside itself
};

// The longest folder that fits is a file's room.
const std::vector<Room>& rooms() {
  static const std::vector<Room> all{
      {"conf/base/", {}},
      {"conf/", {"conf/base/"}},
      {"dns/", {"conf/", "conf/base/"}},
      {"filters/", {"dns/", "conf/", "conf/base/"}},
      {"proxy/smtp/", {"conf/", "conf/base/"}},
      {"proxy/net/", {"conf/", "conf/base/"}},
      {"proxy/session/", {"conf/", "conf/base/", "dns/", "filters/", "proxy/smtp/", "proxy/net/"}},
      {"proxy/control/",
       {"conf/", "conf/base/", "dns/", "filters/", "proxy/smtp/", "proxy/net/", "proxy/session/"}},
      {"proxy/service/",
       {"conf/", "conf/base/", "dns/", "filters/", "proxy/smtp/", "proxy/net/", "proxy/session/",
        "proxy/control/"}},
      // main.cpp
      {"proxy/",
       {"conf/", "conf/base/", "dns/", "filters/", "proxy/smtp/", "proxy/net/", "proxy/session/",
        "proxy/control/", "proxy/service/"}},
      // Programs of their own; nobody includes them.
      {"proxy/tools/",
       {"conf/", "conf/base/", "dns/", "filters/", "proxy/smtp/", "proxy/net/", "proxy/control/",
        "proxy/service/"}},
  };
  return all;
}

const Room* room_of(std::string_view path) {
  const Room* best = nullptr;
  for (const Room& room : rooms()) {
    if (path.starts_with(room.folder) &&
        (best == nullptr || room.folder.size() > best->folder.size())) {
      best = &room;
    }
  }
  return best;
}

struct LibraryRule {
  std::string_view header;  // what its includes begin with
  std::vector<std::string_view> allowed;
  std::string_view why;
};

const std::vector<LibraryRule>& library_rules() {
  static const std::vector<std::string_view> event_rooms{
      "dns/ares_channel", "proxy/net/", "proxy/session/", "proxy/control/", "proxy/service/"};
  static const std::vector<std::string_view> socket_rooms{
      "conf/",          "dns/",           "proxy/net/",  "proxy/session/",
      "proxy/control/", "proxy/service/", "proxy/tools/"};
  static const std::vector<LibraryRule> all{
      {"toml++/", {"conf/"}, "toml++ belongs to conf/"},
      {"ares", {"dns/"}, "c-ares belongs to dns/"},
      {"sqlite3", {"filters/memory/"}, "SQLite belongs to filters/memory/"},
      {"libpsl", {"filters/public_suffix"}, "libpsl belongs to filters/public_suffix"},
      {"re2/", {"filters/rule.cpp"}, "RE2 belongs to filters/rule.cpp"},
      {"openssl/", {"proxy/net/tls_"}, "OpenSSL belongs to proxy/net/tls_*"},
      {"boost/asio.hpp", {}, "include the narrow headers of Asio"},
      {"boost/asio/", event_rooms, "Asio belongs to the rooms of the event loop"},
      {"sys/socket.h", socket_rooms, "this room is pure: no sockets"},
      {"netdb.h", {}, "no blocking look-ups: dns/ resolves"},
      {"format", {}, "libstdc++ 12 has no <format>: use fmt"},
      {"expected", {}, "libstdc++ 12 has no <expected>: use Result"},
  };
  return all;
}

bool is_product(std::string_view path) {
  return room_of(path) != nullptr;
}

// "format" is a whole name, "openssl/" a beginning.
bool names_header(std::string_view include, std::string_view header) {
  if (header.ends_with('/')) {
    return include.starts_with(header);
  }
  return include == header || (include.starts_with(header) &&
                               (include[header.size()] == '.' || include[header.size()] == '_'));
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

constexpr std::string_view kCoAwait = "co_await";

// Is the innermost bracket that is open here a parenthesis or a square bracket?
bool is_inside_expression(std::string_view code, std::size_t at) {
  int depth = 0;
  for (std::size_t i = at; i-- > 0;) {
    const char c = code[i];
    if (c == ')' || c == ']' || c == '}') {
      ++depth;
    } else if (c == '(' || c == '[' || c == '{') {
      if (depth == 0) {
        return c != '{';
      }
      --depth;
    }
  }
  return false;
}

// What stands between the begin of the statement and co_await.
std::string_view words_before(std::string_view code, std::size_t at) {
  const std::size_t end = code.find_last_of(";{}", at);
  const std::size_t begin = end == std::string_view::npos ? 0 : end + 1;
  return trimmed(code.substr(begin, at - begin));
}

// "auto x =", "const auto [ec, n] =", "x =", "co_return", or nothing.
bool may_stand_before(std::string_view words) {
  if (words.empty() || words == "co_return" || words == "(void)") {
    return true;
  }
  // A label of a switch is followed by a statement of its own.
  if (words.ends_with(':') && !words.ends_with("::")) {
    return words.starts_with("case ") || words.starts_with("default");
  }
  if (!words.ends_with('=') || words.ends_with("==") || words.ends_with("!=")) {
    return false;
  }
  return words.find_first_of("?(|") == std::string_view::npos;
}

// What follows co_await, up to the end of the statement, must be one plain call.
std::string_view trouble_after(std::string_view code, std::size_t at) {
  const std::string_view operand = trimmed(code.substr(at));
  if (operand.starts_with('(')) {
    return "the operand is in parentheses: name it first";
  }
  int depth = 0;
  for (std::size_t i = 0; i < operand.size(); ++i) {
    const char c = operand[i];
    const std::string_view rest = operand.substr(i);
    if (c == '(' || c == '[') {
      ++depth;
    } else if (c == '{') {
      if (!trimmed(rest.substr(1)).starts_with('}')) {
        return "a braced or lambda temporary is handed over: name it first and move it";
      }
      ++depth;
    } else if (c == ')' || c == ']' || c == '}') {
      if (--depth < 0) {
        return "stands inside another expression";
      }
    } else if (depth == 0 && c == ';') {
      return {};
    } else if (depth == 0 &&
               (c == '?' || c == ',' || rest.starts_with("&&") || rest.starts_with("||"))) {
      return "stands inside another expression";
    } else if (rest.starts_with(kCoAwait) && !is_word(operand[i - 1])) {
      return "two in one statement";
    }
  }
  return {};
}

}  // namespace

Breaches check_room_order(const SourceText& source) {
  Breaches breaches;
  const Room* const own = source.is_cpp() ? room_of(source.path) : nullptr;
  if (own == nullptr) {
    return breaches;
  }
  for (const Include& include : includes_of(source)) {
    if (!include.is_ours) {
      continue;
    }
    const Room* const other = room_of(include.path);
    if (other == nullptr) {
      breaches.push_back(breach(source, include.line,
                                "includes \"" + std::string(include.path) +
                                    "\", which is not the full path of a file in a room"));
      continue;
    }
    const auto& allowed = own->may_include;
    if (other != own && std::find(allowed.begin(), allowed.end(), other->folder) == allowed.end()) {
      breaches.push_back(breach(source, include.line,
                                std::string(own->folder) + " may not include " +
                                    std::string(other->folder) + " (" + std::string(include.path) +
                                    ")"));
    }
  }
  return breaches;
}

Breaches check_library_rooms(const SourceText& source) {
  Breaches breaches;
  if (!source.is_cpp() || !is_product(source.path)) {
    return breaches;
  }
  for (const Include& include : includes_of(source)) {
    for (const LibraryRule& rule : library_rules()) {
      if (include.is_ours || !names_header(include.path, rule.header)) {
        continue;
      }
      const bool allowed =
          std::any_of(rule.allowed.begin(), rule.allowed.end(),
                      [&](std::string_view place) { return source.path.starts_with(place); });
      if (!allowed) {
        breaches.push_back(
            breach(source, include.line,
                   std::string(rule.why) + " (<" + std::string(include.path) + ">)"));
      }
    }
  }
  return breaches;
}

Breaches check_include_circles(const std::vector<SourceText>& sources) {
  std::map<std::string_view, std::vector<std::string_view>> graph;
  for (const SourceText& source : sources) {
    if (source.is_cpp()) {
      for (const Include& include : includes_of(source)) {
        graph[source.path].push_back(include.path);
      }
    }
  }
  Breaches breaches;
  std::set<std::string_view> done;
  std::vector<std::string_view> way;
  const std::function<void(std::string_view)> walk = [&](std::string_view path) {
    const auto met = std::find(way.begin(), way.end(), path);
    if (met != way.end()) {
      std::string circle;
      for (auto it = met; it != way.end(); ++it) {
        circle += std::string(*it) + " -> ";
      }
      breaches.push_back(std::string(path) + ":1: includes itself: " + circle + std::string(path));
      return;
    }
    const auto found = graph.find(path);
    if (found == graph.end() || done.contains(path)) {
      return;
    }
    way.push_back(path);
    for (const std::string_view next : found->second) {
      walk(next);
    }
    way.pop_back();
    done.insert(path);
  };
  for (const SourceText& source : sources) {
    walk(source.path);
  }
  return breaches;
}

Breaches check_co_await(const SourceText& source) {
  Breaches breaches;
  if (!source.is_cpp()) {
    return breaches;
  }
  const std::string code = blank_comments_and_strings(source.text);
  for (std::size_t at = code.find(kCoAwait); at != std::string::npos;
       at = code.find(kCoAwait, at + kCoAwait.size())) {
    const std::size_t after = at + kCoAwait.size();
    if ((at > 0 && is_word(code[at - 1])) || (after < code.size() && is_word(code[after]))) {
      continue;
    }
    // The declaration of an awaitable's operator is not a use.
    if (trimmed(std::string_view(code).substr(0, at)).ends_with("operator")) {
      continue;
    }
    const std::string_view trouble = trouble_after(code, after);
    if (is_inside_expression(code, at) || !may_stand_before(words_before(code, at))) {
      breaches.push_back(breach(source, line_at(code, at),
                                "co_await must be a statement or the initialiser of a local"));
    } else if (!trouble.empty()) {
      breaches.push_back(breach(source, line_at(code, at), "co_await: " + std::string(trouble)));
    }
  }
  return breaches;
}

Breaches check_length(const SourceText& source) {
  const std::size_t lines = lines_of(source.text).size();
  if (lines <= kMostLines) {
    return {};
  }
  return {breach(source, lines, "more than 500 lines: is it still one idea?")};
}

Breaches check_header_form(const SourceText& source) {
  constexpr std::size_t kLeastProse = 2;
  constexpr std::size_t kMostProse = 14;
  if (!source.is_header()) {
    return {};
  }
  const std::vector<Line> lines = lines_of(source.text);
  std::size_t prose = 0;
  while (prose < lines.size() &&
         (lines[prose].text.starts_with("// ") || lines[prose].text == "//")) {
    ++prose;
  }
  if (prose < kLeastProse || prose > kMostProse) {
    return {breach(source, 1,
                   "a header starts with 2 to 14 lines of prose: what it is, what it "
                   "owns, who calls it, how it fails")};
  }
  if (prose == lines.size() || lines[prose].text != "#pragma once") {
    return {breach(source, prose + 1, "#pragma once follows the prose")};
  }
  return {};
}

Breaches check_open_ends(const SourceText& source) {
  // In two pieces, so that this file passes its own rule.
  static const std::array<std::string, 3> kMarks{
      "TO"
      "DO",
      "FIX"
      "ME",
      "XX"
      "X"};
  Breaches breaches;
  for (const Line& line : lines_of(source.text)) {
    for (const std::string& mark : kMarks) {
      const std::size_t at = line.text.find(mark);
      if (at == std::string_view::npos || (at > 0 && is_word(line.text[at - 1]))) {
        continue;
      }
      const std::string_view after = line.text.substr(at + mark.size());
      const bool is_longer_word = !after.empty() && is_word(after.front());
      const bool has_issue =
          after.starts_with("(#") && after.size() > 2 && after[2] >= '0' && after[2] <= '9';
      if (!is_longer_word && !has_issue) {
        breaches.push_back(breach(source, line.number, mark + " without the number of an issue"));
      }
    }
  }
  return breaches;
}

}  // namespace smtpguard::arch
