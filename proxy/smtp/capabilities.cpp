#include "proxy/smtp/capabilities.hpp"

#include "conf/base/text.hpp"

namespace smtpguard::smtp {

Capabilities capabilities_before_any_backend() {
  Capabilities known;
  known.eight_bit_mime = true;
  known.enhanced_status_codes = true;
  return known;
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
