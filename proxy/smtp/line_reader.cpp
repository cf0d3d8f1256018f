#include "proxy/smtp/line_reader.hpp"

#include <algorithm>
#include <utility>

namespace smtpguard::smtp {

std::optional<Line> LineReader::next(std::string_view& input) {
  // A fresh string, not clear(): an idle session must not keep the capacity of its longest line.
  line_ = std::string();

  const std::size_t lf = input.find('\n');
  const std::string_view part = input.substr(0, lf);
  const bool ends_with_cr = part.empty() ? ended_with_cr_ : part.back() == '\r';
  const bool is_in_pieces = length_ > 0;
  if (is_in_pieces || lf == std::string_view::npos) {
    kept_.append(part.substr(0, limit_ - kept_.size()));
  }
  length_ += part.size();

  if (lf == std::string_view::npos) {
    ended_with_cr_ = ends_with_cr;
    input = {};
    return std::nullopt;
  }
  input.remove_prefix(lf + 1);

  const std::size_t text_length = length_ - (ends_with_cr ? 1 : 0);
  Line line;
  line.bare_lf = !ends_with_cr;
  line.overlong = text_length > limit_;
  if (is_in_pieces) {
    line_ = std::exchange(kept_, std::string());
    line.text = line_;
  } else {
    line.text = part;
  }
  line.text = line.text.substr(0, std::min(text_length, limit_));
  length_ = 0;
  ended_with_cr_ = false;
  return line;
}

void LineReader::reset() {
  length_ = 0;
  ended_with_cr_ = false;
  kept_ = std::string();
  line_ = std::string();
}

}  // namespace smtpguard::smtp
