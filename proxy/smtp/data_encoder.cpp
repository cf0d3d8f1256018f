#include "proxy/smtp/data_encoder.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace smtpguard::smtp {

void DataEncoder::text(std::string_view text, bool ends_line, std::string& out) {
  assert(text.find('\r') == std::string_view::npos);
  assert(text.find('\n') == std::string_view::npos);
  assert(text.find('\0') == std::string_view::npos);
  if (at_line_start_ && text.starts_with('.')) {
    out.push_back('.');
  }
  out.append(text);
  if (ends_line) {
    out.append("\r\n");
  }
  at_line_start_ = ends_line || (at_line_start_ && text.empty());
}

void DataEncoder::lines(std::string_view lines, std::string& out) {
  assert(!lines.starts_with('.') && lines.find("\n.") == std::string_view::npos);
  assert(lines.ends_with("\r\n"));
  assert(std::count(lines.begin(), lines.end(), '\r') ==
         std::count(lines.begin(), lines.end(), '\n'));
  assert(lines.find('\0') == std::string_view::npos);
  end_line(out);
  out.append(lines);
}

void DataEncoder::end(std::string& out) {
  end_line(out);
  out.append(".\r\n");
}

// Of a correct caller every line is ended. A dot in mid-line would be text, and both sides would
// wait for ever.
void DataEncoder::end_line(std::string& out) {
  assert(at_line_start_);
  if (!std::exchange(at_line_start_, true)) {
    out.append("\r\n");
  }
}

}  // namespace smtpguard::smtp
