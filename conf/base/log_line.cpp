#include "conf/base/log_line.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "conf/base/escape.hpp"

namespace smtpguard {

LogLine::LogLine(Form form) : form_(form) {
  text_.reserve(240);
  if (form_ == Form::Json) {
    text_ += '{';
  }
}

void LogLine::begin(std::string_view key) {
  if (form_ == Form::Json) {
    text_ += text_.size() > 1 ? ",\"" : "\"";
    text_ += key;
    text_ += "\":";
  } else {
    if (!text_.empty()) {
      text_ += ' ';
    }
    text_ += key;
    text_ += '=';
  }
}

LogLine& LogLine::add(std::string_view key, std::string_view value) {
  begin(key);
  text_ += form_ == Form::Json ? quote_json(value) : quote_value(value);
  return *this;
}

LogLine& LogLine::add_number(std::string_view key, std::uint64_t value) {
  begin(key);
  fmt::format_to(std::back_inserter(text_), "{}", value);
  return *this;
}

LogLine& LogLine::add_seconds(std::string_view key, double seconds) {
  begin(key);
  fmt::format_to(std::back_inserter(text_), "{:.3f}", seconds);
  return *this;
}

LogLine& LogLine::add_list(std::string_view key, const std::vector<std::string>& items) {
  begin(key);
  if (form_ == Form::Text) {
    std::string joined;
    for (const std::string& item : items) {
      joined += joined.empty() ? "" : ",";
      joined += item;
    }
    // Each item is bounded by its maker; a list may be longer than one text.
    text_ += quote_value(joined, joined.size());
    return *this;
  }
  text_ += '[';
  for (std::size_t i = 0; i < items.size(); ++i) {
    text_ += i == 0 ? "" : ",";
    text_ += quote_json(items[i]);
  }
  text_ += ']';
  return *this;
}

std::string LogLine::finish() && {
  if (form_ == Form::Json) {
    text_ += '}';
  }
  return std::move(text_);
}

}  // namespace smtpguard
