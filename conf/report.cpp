#include "conf/report.hpp"

#include <algorithm>

#include "conf/base/escape.hpp"

namespace smtpguard::conf {

std::uint32_t Report::add_file(const std::string& name) {
  files_.push_back(name);
  return static_cast<std::uint32_t>(files_.size() - 1);
}

void Report::error(Place place, std::string_view text) {
  if (is_full()) {
    ++left_out_;
    return;
  }
  errors_.push_back({std::string(text), place});
}

void Report::warning(Place place, std::string_view text) {
  if (warnings_.size() < kReportLimit) {
    warnings_.push_back({std::string(text), place});
  }
}

std::string Report::to_string(Place place) const {
  return escape(files_.at(place.file)) + ':' + std::to_string(place.position.line) + ':' +
         std::to_string(place.position.column);
}

std::vector<std::string> Report::lines(const std::vector<Located<std::string>>& messages) const {
  auto sorted = messages;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.place < b.place; });
  std::vector<std::string> out;
  out.reserve(sorted.size() + 1);
  for (const auto& message : sorted) {
    out.push_back(to_string(message.place) + ": " + message.value);
  }
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<std::string> Report::errors() const {
  auto out = lines(errors_);
  if (left_out_ > 0) {
    out.push_back(escape(files_.front()) + ": and " + std::to_string(left_out_) + " more errors");
  }
  return out;
}

std::vector<std::string> Report::warnings() const {
  return lines(warnings_);
}

}  // namespace smtpguard::conf
