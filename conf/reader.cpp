#include "conf/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "conf/file.hpp"
#include "conf/nearest_name.hpp"
#include "conf/wording.hpp"

namespace smtpguard::conf {
namespace {

constexpr std::string_view kNetworkForm =
    "an address or network such as 192.0.2.1, 192.0.2.0/24, 2001:db8::/32";

// As a configuration takes it: "570s", where format_duration() says 9m30s.
std::string in_one_unit(Milliseconds duration) {
  struct Unit {
    Milliseconds::rep length;
    std::string_view name;
  };
  constexpr std::array kUnits{Unit{3'600'000, "h"}, Unit{60'000, "m"}, Unit{1000, "s"},
                              Unit{1, "ms"}};
  const auto* const unit = std::find_if(kUnits.begin(), kUnits.end() - 1, [&](const Unit& one) {
    return duration.count() != 0 && duration.count() % one.length == 0;
  });
  return duration.count() == 0 ? "0s"
                               : fmt::format("{}{}", duration.count() / unit->length, unit->name);
}

std::optional<std::int32_t> score_in(const Value& value, Range<std::int32_t> allowed) {
  const auto* number = std::get_if<std::int64_t>(&value.content);
  if (number == nullptr || *number < allowed.least || *number > allowed.most) {
    return {};
  }
  return static_cast<std::int32_t>(*number);
}

}  // namespace

void Reader::note(std::string_view key, std::string value, std::string by_default) {
  const Entry* entry = find(key);
  InForce noted{path_,
                is_element_,
                place_,
                std::string(key),
                std::move(value),
                std::move(by_default),
                entry == nullptr ? 0 : entry->value.position.line};
  auto& all = reading_->in_force_;
  const auto before = std::find_if(all.begin(), all.end(), [&](const InForce& one) {
    return one.key == noted.key && one.table == noted.table &&
           (!one.is_element || one.table_place == noted.table_place);
  });
  if (before == all.end()) {
    all.push_back(std::move(noted));
  } else {
    *before = std::move(noted);
  }
}

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
        {*reading_, as_table(item), Place{0, item.position}, path_of(key), std::string(key), true});
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
  const std::string by_default = as_toml(out);
  if (text != nullptr) {
    out = *text;
  }
  note(key, as_toml(out), by_default);
  return text != nullptr;
}

bool Reader::boolean(std::string_view key, bool& out) {
  const Value* value = ask(key);
  note(key, out ? "true" : "false", out ? "true" : "false");
  if (value == nullptr) {
    return false;
  }
  const bool* truth = std::get_if<bool>(&value->content);
  if (truth == nullptr) {
    refuse_value(key, *value, "true, false (without quotes)");
    return false;
  }
  note(key, *truth ? "true" : "false", out ? "true" : "false");
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

bool Reader::score(std::string_view key, std::int32_t& out, Range<std::int32_t> allowed) {
  const Value* value = ask(key);
  note(key, std::to_string(out), std::to_string(out));
  if (value == nullptr) {
    return false;
  }
  const auto number = score_in(*value, allowed);
  if (!number) {
    refuse_value(key, *value,
                 fmt::format("a whole number of {} to {}", allowed.least, allowed.most));
    return false;
  }
  note(key, std::to_string(*number), std::to_string(out));
  out = *number;
  return true;
}

bool Reader::word_or_score(std::string_view key, WordOrScore& out,
                           const std::vector<std::string>& words, Range<std::int32_t> allowed) {
  const Value* value = ask(key);
  if (value == nullptr) {
    return false;
  }
  out.number = score_in(*value, allowed);
  if (out.number) {
    return true;
  }
  const auto* text = std::get_if<std::string>(&value->content);
  const auto found = text == nullptr ? words.end() : std::find(words.begin(), words.end(), *text);
  if (found == words.end()) {
    refuse_value(
        key, *value,
        fmt::format("{}, or a whole number of {} to {}", join(words), allowed.least, allowed.most),
        words);
    return false;
  }
  out.word = static_cast<std::size_t>(found - words.begin());
  return true;
}

bool Reader::duration(std::string_view key, Milliseconds& out, Range<Milliseconds> allowed) {
  const std::string form =
      fmt::format("a time such as \"500ms\", \"6s\", \"5m\", \"2h\", from {} to {}",
                  format_duration(allowed.least), format_duration(allowed.most));
  const std::string* text = ask_text(key, form);
  const std::string by_default = as_toml(in_one_unit(out));
  note(key, by_default, by_default);
  if (text == nullptr) {
    return false;
  }
  const auto parsed = parse_duration(*text);
  if (!parsed || *parsed < allowed.least || *parsed > allowed.most) {
    refuse(key, {*text, place(key)}, form);
    return false;
  }
  out = *parsed;
  note(key, as_toml(in_one_unit(out)), by_default);
  return true;
}

bool Reader::byte_count(std::string_view key, ByteCount& out, Range<ByteCount> allowed) {
  const Value* value = ask(key);
  const std::string by_default = as_toml(show(out));
  note(key, by_default, by_default);
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
  note(key, as_toml(show(out)), by_default);
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
  note(key, as_toml(out.to_string()), "");
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
  note(key, as_toml(out), "");
  return true;
}

bool Reader::file_path(std::string_view key, std::string& out) {
  const std::string* text = ask_text(key, "a path in quotes");
  note(key, as_toml(text == nullptr ? out : *text), as_toml(out));
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
  note(key, "[]", "[]");
  if (value == nullptr) {
    return out;
  }
  const Array* items = as_array(*value);
  if (items == nullptr) {
    refuse_value(key, *value, kForm);
    return out;
  }
  std::string noted;
  for (const Value& item : *items) {
    if (const auto* text = std::get_if<std::string>(&item.content)) {
      out.push_back({*text, Place{0, item.position}});
      noted += (noted.empty() ? "" : ", ") + as_toml(*text);
    } else {
      refuse_value(key, item, kForm);
    }
  }
  note(key, '[' + noted + ']', "[]");
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

}  // namespace smtpguard::conf
