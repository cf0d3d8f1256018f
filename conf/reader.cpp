#include "conf/reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "conf/base/escape.hpp"
#include "conf/file.hpp"
#include "conf/nearest_name.hpp"

namespace smtpguard::conf {
namespace {

constexpr std::size_t kShownText = 80;

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

std::string quoted(std::string_view text) {
  return '"' + escape(text, kShownText) + '"';
}

// The value as in the file, with its type where that does not show.
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

bool is_bare_key(std::string_view key) {
  return !key.empty() && key.size() <= kShownText &&
         std::all_of(key.begin(), key.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '-'; });
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

constexpr std::string_view kNetworkForm =
    "an address or network such as 192.0.2.1, 192.0.2.0/24, 2001:db8::/32";

}  // namespace

std::string Reader::path_of(std::string_view key) const {
  return key.empty() ? path_ : join_path(path_, key);
}

const Entry* Reader::find(std::string_view key) const {
  if (table_ == nullptr) {
    return nullptr;
  }
  const auto entry = std::find_if(table_->begin(), table_->end(),
                                  [&](const Entry& known) { return known.key == key; });
  return entry == table_->end() ? nullptr : &*entry;
}

const Value* Reader::ask(std::string_view key) {
  reading_->keys_.insert(path_of(key));
  const Entry* entry = find(key);
  return entry == nullptr ? nullptr : &entry->value;
}

Place Reader::place(std::string_view key) const {
  const Entry* entry = find(key);
  return entry == nullptr ? place_ : Place{0, entry->value.position};
}

Reader Reader::section(std::string_view key) {
  reading_->sections_.insert(path_of(key));
  const Entry* entry = find(key);
  if (entry == nullptr) {
    return {*reading_, nullptr, place_, path_of(key), std::string(key)};
  }
  const Table* table = as_table(entry->value);
  if (table == nullptr) {
    refuse_value(key, entry->value, fmt::format("a table, written [{}]", path_of(key)));
  }
  return {*reading_, table, Place{0, entry->value.position}, path_of(key), std::string(key)};
}

std::vector<Reader> Reader::sections(std::string_view key) {
  reading_->sections_.insert(path_of(key));
  std::vector<Reader> out;
  const Entry* entry = find(key);
  if (entry == nullptr) {
    return out;
  }
  const Array* items = as_array(entry->value);
  const bool are_tables = items != nullptr && !items->empty() &&
                          std::all_of(items->begin(), items->end(),
                                      [](const Value& item) { return as_table(item) != nullptr; });
  if (!are_tables) {
    refuse_value(key, entry->value, fmt::format("tables, each written [[{}]]", path_of(key)));
    return out;
  }
  for (const Value& item : *items) {
    out.push_back(
        {*reading_, as_table(item), Place{0, item.position}, path_of(key), std::string(key)});
  }
  return out;
}

std::vector<Reader> Reader::named_sections(std::string_view key) {
  Reader parent = section(key);
  std::vector<Reader> out;
  if (parent.table_ != nullptr) {
    for (const Entry& entry : *parent.table_) {
      out.push_back(parent.section(entry.key));
    }
  }
  return out;
}

bool Reader::require(std::string_view key, std::string_view what) {
  if (ask(key) != nullptr) {
    return true;
  }
  error(key, fmt::format("missing; expected: {}", what));
  return false;
}

void Reader::error(std::string_view key, std::string_view text) {
  error(key, place(key), text);
}

void Reader::error(std::string_view key, Place where, std::string_view text) {
  reading_->report_.error(where, fmt::format("{}: {}", path_of(key), text));
}

void Reader::warning(std::string_view key, std::string_view text) {
  warning(key, place(key), text);
}

void Reader::warning(std::string_view key, Place where, std::string_view text) {
  reading_->report_.warning(where, fmt::format("{}: {}", path_of(key), text));
}

void Reader::refuse(std::string_view key, const Located<std::string>& found,
                    std::string_view allowed, const std::vector<std::string>& names) {
  std::string text = fmt::format("found {}; allowed: {}", quoted(found.value), allowed);
  const std::string meant = nearest_name(found.value, names);
  if (!meant.empty()) {
    text += fmt::format("; did you mean {}?", quoted(meant));
  }
  error(key, found.place, text);
}

void Reader::refuse_value(std::string_view key, const Value& value, std::string_view allowed,
                          const std::vector<std::string>& names) {
  const Place where{0, value.position};
  if (const auto* text = std::get_if<std::string>(&value.content)) {
    refuse(key, {*text, where}, allowed, names);
  } else {
    error(key, where, fmt::format("found {}; allowed: {}", describe(value), allowed));
  }
}

const std::string* Reader::ask_text(std::string_view key, std::string_view allowed) {
  const Value* value = ask(key);
  if (value == nullptr) {
    return nullptr;
  }
  const auto* text = std::get_if<std::string>(&value->content);
  if (text == nullptr) {
    refuse_value(key, *value, allowed);
  }
  return text;
}

bool Reader::string(std::string_view key, std::string& out) {
  const std::string* text = ask_text(key, "text in quotes");
  if (text != nullptr) {
    out = *text;
  }
  return text != nullptr;
}

bool Reader::boolean(std::string_view key, bool& out) {
  const Value* value = ask(key);
  if (value == nullptr) {
    return false;
  }
  const bool* truth = std::get_if<bool>(&value->content);
  if (truth == nullptr) {
    refuse_value(key, *value, "true, false (without quotes)");
    return false;
  }
  out = *truth;
  return true;
}

bool Reader::integer_in(std::string_view key, std::uint64_t& out, Range<std::uint64_t> allowed) {
  const Value* value = ask(key);
  if (value == nullptr) {
    return false;
  }
  const auto* number = std::get_if<std::int64_t>(&value->content);
  if (number == nullptr || *number < 0 || static_cast<std::uint64_t>(*number) < allowed.least ||
      static_cast<std::uint64_t>(*number) > allowed.most) {
    refuse_value(key, *value,
                 fmt::format("a whole number of {} to {}", allowed.least, allowed.most));
    return false;
  }
  out = static_cast<std::uint64_t>(*number);
  return true;
}

bool Reader::duration(std::string_view key, Milliseconds& out, Range<Milliseconds> allowed) {
  const std::string form =
      fmt::format("a time such as \"500ms\", \"6s\", \"5m\", \"2h\", from {} to {}",
                  format_duration(allowed.least), format_duration(allowed.most));
  const std::string* text = ask_text(key, form);
  if (text == nullptr) {
    return false;
  }
  const auto parsed = parse_duration(*text);
  if (!parsed || *parsed < allowed.least || *parsed > allowed.most) {
    refuse(key, {*text, place(key)}, form);
    return false;
  }
  out = *parsed;
  return true;
}

bool Reader::byte_count(std::string_view key, ByteCount& out, Range<ByteCount> allowed) {
  const Value* value = ask(key);
  if (value == nullptr) {
    return false;
  }
  std::optional<ByteCount> parsed;
  if (const auto* text = std::get_if<std::string>(&value->content)) {
    parsed = parse_byte_count(*text);
  } else if (const auto* number = std::get_if<std::int64_t>(&value->content);
             number != nullptr && *number >= 0) {
    parsed = ByteCount{static_cast<std::uint64_t>(*number)};
  }
  if (!parsed || *parsed < allowed.least || *parsed > allowed.most) {
    refuse_value(key, *value,
                 fmt::format("a size such as \"50MB\", \"64KiB\" or 512, from {} to {}",
                             show(allowed.least), show(allowed.most)));
    return false;
  }
  out = *parsed;
  return true;
}

std::size_t Reader::word_in(std::string_view key, const std::vector<std::string>& words) {
  const std::string allowed = join(words);
  const std::string* text = ask_text(key, allowed);
  if (text == nullptr) {
    return words.size();
  }
  const auto found = std::find(words.begin(), words.end(), *text);
  if (found == words.end()) {
    refuse(key, {*text, place(key)}, allowed, words);
  }
  return static_cast<std::size_t>(found - words.begin());
}

bool Reader::endpoint(std::string_view key, Endpoint& out) {
  constexpr std::string_view kForm =
      "an address and a port such as \"192.0.2.1:25\" or \"[2001:db8::1]:25\"";
  const std::string* text = ask_text(key, kForm);
  if (text == nullptr) {
    return false;
  }
  const auto parsed = Endpoint::parse(*text);
  if (!parsed || parsed->port == 0) {
    refuse(key, {*text, place(key)}, kForm);
    return false;
  }
  out = *parsed;
  return true;
}

bool Reader::host_name(std::string_view key, std::string& out) {
  constexpr std::string_view kForm = "a qualified host name such as \"mx.example.org\"";
  const std::string* text = ask_text(key, kForm);
  if (text == nullptr) {
    return false;
  }
  if (!is_host_name(*text) || text->find('.') == std::string::npos || IpAddress::parse(*text)) {
    refuse(key, {*text, place(key)}, kForm);
    return false;
  }
  out = *text;
  return true;
}

bool Reader::file_path(std::string_view key, std::string& out) {
  const std::string* text = ask_text(key, "a path in quotes");
  if (text == nullptr) {
    return false;
  }
  if (text->find('\0') != std::string::npos) {
    refuse(key, {*text, place(key)}, "a path without a NUL");
    return false;
  }
  out = resolve_beside(*text, reading_->document_.name());
  return true;
}

std::vector<Located<std::string>> Reader::strings(std::string_view key) {
  constexpr std::string_view kForm = "a list of texts such as [\"a\", \"b\"]";
  std::vector<Located<std::string>> out;
  const Value* value = ask(key);
  if (value == nullptr) {
    return out;
  }
  const Array* items = as_array(*value);
  if (items == nullptr) {
    refuse_value(key, *value, kForm);
    return out;
  }
  for (const Value& item : *items) {
    if (const auto* text = std::get_if<std::string>(&item.content)) {
      out.push_back({*text, Place{0, item.position}});
    } else {
      refuse_value(key, item, kForm);
    }
  }
  return out;
}

std::vector<Located<Cidr>> Reader::to_networks(std::string_view key,
                                               const std::vector<Located<std::string>>& texts) {
  std::vector<Located<Cidr>> out;
  out.reserve(texts.size());
  for (const auto& text : texts) {
    const auto parsed = Cidr::parse(text.value);
    if (parsed) {
      out.push_back({*parsed, text.place});
    } else if (text.value.find('/') == std::string::npos) {
      refuse(key, text, kNetworkForm);
    } else {
      error(key, text.place,
            fmt::format("found {}; allowed: {}", parsed.error().text, kNetworkForm));
    }
  }
  return out;
}

std::vector<Located<Cidr>> Reader::networks(std::string_view key) {
  return to_networks(key, strings(key));
}

Reader Reading::root() {
  return {*this, std::get_if<Table>(&document_.root().content), Place{}, "", ""};
}

void Reading::finish() {
  if (const Table* table = as_table(document_.root())) {
    find_unknown(*table, "");
  }
}

void Reading::find_unknown(const Table& table, const std::string& path) {
  for (const Entry& entry : table) {
    const std::string full_path = join_path(path, entry.key);
    const bool is_section = sections_.contains(full_path);
    if (!is_section && !keys_.contains(full_path)) {
      tell_unknown(entry, path, full_path);
      continue;
    }
    // A table where a value was expected, or the reverse, was told when it was read.
    if (!is_section) {
      continue;
    }
    if (const Table* below = as_table(entry.value)) {
      find_unknown(*below, full_path);
    } else if (const Array* items = as_array(entry.value)) {
      for (const Value& item : *items) {
        if (const Table* element = as_table(item)) {
          find_unknown(*element, full_path);
        }
      }
    }
  }
}

void Reading::tell_unknown(const Entry& entry, const std::string& path,
                           const std::string& full_path) {
  if (report_.is_full()) {
    report_.error(Place{}, {});  // counted; a text that nobody will read costs too much
    return;
  }
  const std::vector<std::string> names = names_below(path);
  std::string text = fmt::format("{}: unknown {}; allowed: {}", full_path,
                                 as_table(entry.value) != nullptr ? "table" : "key", join(names));
  const std::string meant = nearest_name(entry.key, names);
  if (!meant.empty()) {
    text += fmt::format("; did you mean {}?", quoted(meant));
  } else {
    // A good key under the wrong header is as frequent as a slip of the pen.
    const auto elsewhere = std::find_if(keys_.begin(), keys_.end(), [&](const std::string& known) {
      return known.ends_with('.' + entry.key);
    });
    if (elsewhere != keys_.end()) {
      text += fmt::format("; did you mean {}?", *elsewhere);
    }
  }
  report_.error(Place{0, entry.position}, text);
}

std::vector<std::string> Reading::names_below(const std::string& path) const {
  const std::string prefix = path.empty() ? path : path + '.';
  std::vector<std::string> out;
  for (const auto* known : {&keys_, &sections_}) {
    for (const auto& full : *known) {
      if (full.starts_with(prefix) && full.find('.', prefix.size()) == std::string::npos) {
        out.push_back(full.substr(prefix.size()));
      }
    }
  }
  return out;
}

}  // namespace smtpguard::conf
