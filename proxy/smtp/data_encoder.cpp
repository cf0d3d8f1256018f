#include "proxy/smtp/data_encoder.hpp"

#include <cassert>

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

void DataEncoder::end(std::string& out) {
  assert(at_line_start_);
  if (!at_line_start_) {
    // A dot in mid-line would be text, and both sides would wait for ever.
    out.append("\r\n");
  }
  out.append(".\r\n");
  at_line_start_ = true;
}

}  // namespace smtpguard::smtp
