#include "proxy/smtp/reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "conf/base/text.hpp"
#include "proxy/smtp/utf8.hpp"

namespace smtpguard::smtp {
namespace {

constexpr std::size_t kWireLineLimit = 510;  // RFC 5321 4.5.3.1.5: 512 with CR LF

// Printable text of at most `limit` octets; what is not printable becomes '?', and no character is
// cut in half.
std::string clean(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = printable_length(text);
    if (out.size() + std::max<std::size_t>(length, 1) > limit) {
      break;
    }
    if (length == 0) {
      out.push_back('?');
      text.remove_prefix(1);
    } else {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    }
  }
  return out;
}

// 0 if `text` does not begin with three digits of a code that RFC 5321 4.2.1 knows for SMTP.
std::uint16_t parse_code(std::string_view text) {
  if (text.size() < 3 || text[0] < '2' || text[0] > '5' || !is_digit(text[1]) ||
      !is_digit(text[2])) {
    return 0;
  }
  return static_cast<std::uint16_t>((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'));
}

// One to three digits at the front (RFC 3463 2).
std::size_t number_length(std::string_view text) {
  std::size_t length = 0;
  while (length < 3 && length < text.size() && is_digit(text[length])) {
    ++length;
  }
  return length;
}

// The enhanced code at the front of `text` if its class is that of `code` (RFC 2034 4), else empty.
std::string_view find_enhanced(std::uint16_t code, std::string_view text) {
  const char reply_class = static_cast<char>('0' + code / 100);
  if (text.size() < 5 || text[0] != reply_class || text[0] == '3' || text[1] != '.') {
    return {};
  }
  const std::size_t subject = number_length(text.substr(2));
  const std::size_t dot = 2 + subject;
  if (subject == 0 || dot >= text.size() || text[dot] != '.') {
    return {};
  }
  const std::size_t detail = number_length(text.substr(dot + 1));
  const std::size_t end = dot + 1 + detail;
  if (detail == 0 || (end < text.size() && text[end] != ' ')) {
    return {};
  }
  return text.substr(0, end);
}

// The text behind the enhanced code, if it stands there.
std::string_view without_enhanced(std::string_view text, std::string_view enhanced) {
  if (enhanced.empty() || !text.starts_with(enhanced)) {
    return text;
  }
  text.remove_prefix(enhanced.size());
  if (!text.empty() && text.front() != ' ') {
    return {text.data() - enhanced.size(), text.size() + enhanced.size()};  // "5.7.1" of "5.7.12"
  }
  return text.substr(text.empty() ? 0 : 1);
}

}  // namespace

std::string Reply::to_wire() const {
  assert(code >= 200 && code <= 599);
  // Whoever built a reply without a code meant trouble of ours: never a success, never permanent.
  const unsigned wire_code = code >= 200 && code <= 599 ? code : 451;
  std::string out;
  const auto add_line = [&](std::string_view text, bool is_last) {
    std::string line = fmt::format("{}{}", wire_code, is_last ? ' ' : '-');
    if (!enhanced.empty()) {
      line += clean(enhanced, 11);  // "5.123.123"
      line += ' ';
    }
    line += clean(text, kWireLineLimit - line.size());
    out += line;
    out += "\r\n";
  };
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    add_line(lines[i], false);
  }
  add_line(lines.empty() ? std::string_view() : lines.back(), true);
  return out;
}

std::string Reply::summary() const {
  std::string out = std::to_string(code);
  if (!enhanced.empty()) {
    out += ' ';
    out += enhanced;
  }
  if (!lines.empty() && !lines.front().empty()) {
    out += ' ';
    out += lines.front();
  }
  return out;
}

Reply make_reply(std::uint16_t code, std::string_view enhanced, std::string_view text) {
  return {code, std::string(enhanced), {std::string(text)}};
}

std::optional<Result<Reply>> ReplyReader::next(std::string_view& input) {
  if (failed_) {
    input = {};
    return Result<Reply>(*failed_);
  }
  while (!input.empty()) {
    const std::size_t lf = input.find('\n');
    const std::string_view part = input.substr(0, lf);
    std::optional<Error> error;
    if (part.size() > kReplyLineLimit - line_.size()) {
      error = Error{fmt::format("reply: line longer than {} octets", kReplyLineLimit)};
    } else if (lf == std::string_view::npos) {
      line_.append(part);
      input = {};
      return std::nullopt;
    } else if (line_.empty()) {
      error = take_line(part);
    } else {
      line_.append(part);
      error = take_line(line_);
      line_ = std::string();
    }
    if (error) {
      failed_ = std::move(error);
      line_ = std::string();
      reply_ = Reply();
      input = {};
      return Result<Reply>(*failed_);
    }
    input.remove_prefix(lf + 1);
    if (last_line_seen_) {
      last_line_seen_ = false;
      return Result<Reply>(std::exchange(reply_, Reply()));
    }
  }
  return std::nullopt;
}

// `line` is without its LF. Views only and sizes first: the over-reads of this trade
// (CVE-2020-8794, CVE-2026-43964) came from reading behind a short line.
std::optional<Error> ReplyReader::take_line(std::string_view line) {
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  if (line.find('\r') != std::string_view::npos) {
    return Error{"reply: bare CR"};
  }
  if (line.find('\0') != std::string_view::npos) {
    return Error{"reply: NUL"};
  }
  const std::uint16_t code = parse_code(line);
  if (code == 0) {
    return Error{fmt::format("reply: no code of 200 to 599 in \"{}\"", clean(line, 60))};
  }
  const char separator = line.size() > 3 ? line[3] : ' ';
  if (separator != ' ' && separator != '-') {
    return Error{
        fmt::format("reply: neither space nor hyphen behind the code in \"{}\"", clean(line, 60))};
  }
  const std::string_view text = line.substr(std::min<std::size_t>(line.size(), 4));
  if (reply_.lines.empty()) {
    reply_.code = code;
    reply_.enhanced = find_enhanced(code, text);
  } else if (code != reply_.code) {
    return Error{fmt::format("reply: code {} and then {} in one reply", reply_.code, code)};
  } else if (reply_.lines.size() == kReplyLinesLimit) {
    return Error{fmt::format("reply: more than {} lines", kReplyLinesLimit)};
  }
  reply_.lines.push_back(clean(without_enhanced(text, reply_.enhanced), kWireLineLimit));
  last_line_seen_ = separator == ' ';
  return std::nullopt;
}

}  // namespace smtpguard::smtp
