#include "proxy/smtp/path_parser.hpp"

#include <cstddef>
#include <string>

#include "conf/base/text.hpp"
#include "proxy/smtp/utf8.hpp"

namespace smtpguard::smtp {
namespace {

// RFC 5321 4.5.3.1 says 64, 255 and 256; senders of long VERP addresses are let through, and what
// the backend makes of them is its own affair.
constexpr std::size_t kLocalPartLimit = 256;
constexpr std::size_t kDomainLimit = 255;
constexpr std::size_t kLabelLimit = 63;
constexpr std::size_t kPathLimit = 512;

bool is_atext(char c) {
  constexpr std::string_view kSpecials = "!#$%&'*+-/=?^_`{|}~";
  return is_alnum(c) || kSpecials.find(c) != std::string_view::npos;
}

// Length of a UTF-8 character of several octets at the front, or 0.
std::size_t utf8_length(std::string_view text) {
  const std::size_t length = printable_length(text);
  return length > 1 ? length : 0;
}

// Dots may stand anywhere: "a..b@" and "a.@" break RFC 5321, but Japanese carriers gave such
// addresses out for years, and MTAs take them. They are sent on as said.
std::size_t dot_string_length(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (is_atext(text[at]) || text[at] == '.') {
      ++at;
    } else if (const std::size_t length = utf8_length(text.substr(at)); length > 0) {
      at += length;
    } else {
      break;
    }
  }
  return at;
}

// With both quotes; 0 if it never ends or holds what must not be there.
std::size_t quoted_string_length(std::string_view text) {
  std::size_t at = 1;
  while (at < text.size()) {
    if (text[at] == '"') {
      return at + 1;
    }
    if (text[at] == '\\') {
      ++at;
      if (at == text.size() || printable_length(text.substr(at)) != 1) {
        return 0;
      }
      ++at;
      continue;
    }
    const std::size_t length = printable_length(text.substr(at));
    if (length == 0) {
      return 0;
    }
    at += length;
  }
  return 0;
}

// Dot-separated labels; 0 if there is none or one of them is empty or too long.
std::size_t domain_length(std::string_view text) {
  std::size_t at = 0;
  std::size_t label = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '.') {
      if (label == 0) {
        return 0;
      }
      label = 0;
      ++at;
      continue;
    }
    const bool is_ascii = is_alnum(c) || c == '-' || c == '_';
    const std::size_t length = is_ascii ? 1 : utf8_length(text.substr(at));
    if (length == 0) {
      break;
    }
    at += length;
    label += length;
    if (label > kLabelLimit) {
      return 0;
    }
  }
  return label == 0 || at > kDomainLimit ? 0 : at;
}

// "[192.0.2.1]" or "[IPv6:2001:db8::1]", with the brackets. Only the characters are checked here;
// whether it is an address, and the client's own, is asked by the filters.
std::size_t literal_length(std::string_view text) {
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos || end == 1 || end > kDomainLimit) {
    return 0;
  }
  for (const char c : text.substr(1, end - 1)) {
    if (!is_alnum(c) && c != '.' && c != ':' && c != '-') {
      return 0;
    }
  }
  return end + 1;
}

class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool skip(char c) {
    if (!rest_.starts_with(c)) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view take(std::size_t length) {
    const std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  bool is_at(char c) const { return rest_.starts_with(c); }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// "@a,@b" in front of a colon.
bool take_source_route(Cursor& cursor, std::string& route) {
  const std::string_view start = cursor.rest();
  do {
    if (!cursor.skip('@') || cursor.take(domain_length(cursor.rest())).empty()) {
      return false;
    }
  } while (cursor.skip(','));
  route = start.substr(0, start.size() - cursor.rest().size());
  return cursor.skip(':');
}

// local-part [ "@" domain ]. Returns the error or nothing.
std::string_view take_mailbox(Cursor& cursor, Path& path) {
  const std::size_t local_length =
      cursor.is_at('"') ? quoted_string_length(cursor.rest()) : dot_string_length(cursor.rest());
  if (local_length == 0) {
    return "address has no valid local part";
  }
  if (local_length > kLocalPartLimit) {
    return "local part of the address is longer than 256 octets";
  }
  path.local_part = cursor.take(local_length);
  if (!cursor.skip('@')) {
    return {};
  }
  path.domain =
      cursor.take(cursor.is_at('[') ? literal_length(cursor.rest()) : domain_length(cursor.rest()));
  return path.domain.empty() ? "address has no valid domain" : "";
}

}  // namespace

ParsedPath parse_path(std::string_view text) {
  ParsedPath out;
  Cursor cursor(text);
  const bool has_brackets = cursor.skip('<');
  if (has_brackets && cursor.skip('>')) {
    out.rest = cursor.rest();
    return out;
  }
  if (has_brackets && cursor.is_at('@') && !take_source_route(cursor, out.path.source_route)) {
    out.error = "source route of the address is not valid";
    return out;
  }
  out.error = take_mailbox(cursor, out.path);
  if (!out.error.empty()) {
    return out;
  }
  if (has_brackets && !cursor.skip('>')) {
    out.error = cursor.rest().empty() ? "address lacks its closing >"
                                      : "address holds a character that is not allowed";
  } else if (!has_brackets && !cursor.rest().empty() && !cursor.is_at(' ')) {
    out.error = "address holds a character that is not allowed";
  } else if (text.size() - cursor.rest().size() > kPathLimit) {
    out.error = "address is longer than 512 octets";
  }
  out.rest = cursor.rest();
  return out;
}

}  // namespace smtpguard::smtp
