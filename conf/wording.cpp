#include "conf/wording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "conf/base/escape.hpp"

namespace smtpguard::conf {
namespace {

constexpr std::size_t kShownText = 80;

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

bool is_bare_key(std::string_view key) {
  return !key.empty() && key.size() <= kShownText &&
         std::all_of(key.begin(), key.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '-'; });
}

}  // namespace

std::string quoted(std::string_view text) {
  return '"' + escape(text, kShownText) + '"';
}

std::string as_toml(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (octet < 0x20 || octet == 0x7F) {
      out += fmt::format("\\u{:04X}", octet);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string describe(const Value& value) {
  return std::visit(
      Overloaded{
          [](bool truth) { return std::string(truth ? "true (boolean)" : "false (boolean)"); },
          [](std::int64_t number) { return fmt::format("{} (integer)", number); },
          [](double number) { return fmt::format("{} (float)", number); },
          [](const Moment& moment) { return moment.text + " (date or time)"; },
          [](const std::string& text) { return quoted(text); },
          [](const Array& items) { return fmt::format("a list of {}", items.size()); },
          [](const Table&) { return std::string("a table"); },
      },
      value.content);
}

std::string join(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string join_path(const std::string& path, std::string_view key) {
  const std::string shown = is_bare_key(key) ? std::string(key) : quoted(key);
  return path.empty() ? shown : path + '.' + shown;
}

std::string show(ByteCount count) {
  constexpr std::array<std::pair<std::uint64_t, std::string_view>, 3> kUnits{
      {{1'000'000'000, "GB"}, {1'000'000, "MB"}, {1000, "KB"}}};
  for (const auto& [factor, unit] : kUnits) {
    if (to_number(count) >= factor && to_number(count) % factor == 0) {
      return fmt::format("{}{}", to_number(count) / factor, unit);
    }
  }
  return std::to_string(to_number(count));
}

const Array* as_array(const Value& value) {
  return std::get_if<Array>(&value.content);
}
const Table* as_table(const Value& value) {
  return std::get_if<Table>(&value.content);
}

}  // namespace smtpguard::conf
