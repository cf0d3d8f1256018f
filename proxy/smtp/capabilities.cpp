#include "proxy/smtp/capabilities.hpp"

#include <algorithm>

#include "conf/base/text.hpp"

namespace smtpguard::smtp {

Capabilities capabilities_before_any_backend() {
  Capabilities known;
  known.eight_bit_mime = true;
  known.enhanced_status_codes = true;
  return known;
}

Capabilities common(const Capabilities& one, const Capabilities& other) {
  Capabilities both;
  both.eight_bit_mime = one.eight_bit_mime && other.eight_bit_mime;
  both.smtp_utf8 = one.smtp_utf8 && other.smtp_utf8;
  both.dsn = one.dsn && other.dsn;
  both.enhanced_status_codes = one.enhanced_status_codes && other.enhanced_status_codes;
  both.start_tls = one.start_tls && other.start_tls;
  both.has_size = one.has_size && other.has_size;
  both.size = one.size == 0 || other.size == 0 ? 0 : std::max(one.size, other.size);
  return both;
}

Capabilities parse_capabilities(const std::vector<std::string>& lines) {
  Capabilities found;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::string_view line = trim(lines[i]);
    const auto blank = line.find(' ');
    const std::string keyword = to_upper(line.substr(0, blank));
    const std::string_view rest =
        blank == std::string_view::npos ? std::string_view() : trim(line.substr(blank));
    if (keyword == "8BITMIME") {
      found.eight_bit_mime = true;
    } else if (keyword == "SMTPUTF8") {
      found.smtp_utf8 = true;
    } else if (keyword == "DSN") {
      found.dsn = true;
    } else if (keyword == "ENHANCEDSTATUSCODES") {
      found.enhanced_status_codes = true;
    } else if (keyword == "STARTTLS") {
      found.start_tls = true;
    } else if (keyword == "SIZE") {
      found.has_size = true;
      found.size = parse_number(rest).value_or(0);
    } else if (keyword == "XCLIENT") {
      found.xclient = rest;
    }
  }
  return found;
}

}  // namespace smtpguard::smtp
