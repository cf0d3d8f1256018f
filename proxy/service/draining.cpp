#include "proxy/service/draining.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>

namespace smtpguard::service {
namespace {

// More are never draining.
constexpr std::size_t kMost = 16;

}  // namespace

std::string to_text(const std::vector<control::DrainingWorker>& workers) {
  std::string text;
  for (const control::DrainingWorker& worker : workers) {
    text += fmt::format("{} {} {}\n", worker.pid, worker.sessions, worker.time_left.count());
  }
  return text;
}

std::vector<control::DrainingWorker> draining_from(std::string_view text) {
  std::vector<control::DrainingWorker> workers;
  while (!text.empty() && workers.size() < kMost) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    std::array<std::uint32_t, 3> numbers{};
    bool is_good = true;
    for (std::uint32_t& number : numbers) {
      const std::string_view word = line.substr(0, line.find(' '));
      line.remove_prefix(word.size() == line.size() ? line.size() : word.size() + 1);
      const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), number);
      is_good = is_good && error == std::errc() && rest == word.data() + word.size();
    }
    if (is_good && line.empty()) {
      workers.push_back({numbers[0], numbers[1], Milliseconds(numbers[2])});
    }
  }
  return workers;
}

}  // namespace smtpguard::service
