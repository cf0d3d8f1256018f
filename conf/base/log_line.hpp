// LogLine — one log record as ordered key and value pairs, rendered as key=value or as JSON.
// Owns: its rendered text.   Called by: the session log, anything that logs facts.   Fails: never.
// Every string passes the one escaper on its way in; keys are ours and need none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace smtpguard {

class LogLine {
 public:
  enum class Form : std::uint8_t { Text, Json };

  explicit LogLine(Form form);

  LogLine& add(std::string_view key, std::string_view value);
  LogLine& add(std::string_view key, const char* value) {
    return add(key, std::string_view(value));
  }
  LogLine& add_number(std::string_view key, std::uint64_t value);
  // Seconds with three decimals.
  LogLine& add_seconds(std::string_view key, double seconds);
  // key=a,b,c as text, an array of strings as JSON; commas inside an item are the item's matter.
  LogLine& add_list(std::string_view key, const std::vector<std::string>& items);

  // The whole line, without line end.
  std::string finish() &&;

 private:
  void begin(std::string_view key);

  Form form_;
  std::string text_;
};

}  // namespace smtpguard
