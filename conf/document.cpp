#include "conf/document.hpp"

#include <toml++/toml.h>

#include <exception>
#include <sstream>

#include "conf/base/escape.hpp"

namespace smtpguard::conf {
namespace {

// toml++ bounds the nesting of arrays and inline tables, but not the parts of a dotted key, and
// walks its tree by recursion: "a.a.a. ..." of half a megabyte would end the stack.
constexpr int kMostDots = 64;

Position to_position(const toml::source_position& position) {
  // What has no position (the root, an implied table) is told as the start of the file.
  return position ? Position{position.line, position.column} : Position{};
}

std::string at(const std::string& name, Position position) {
  return escape(name) + ':' + std::to_string(position.line) + ':' +
         std::to_string(position.column) + ": ";
}

template <typename Node>
Moment to_moment(const Node& node) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out << node;
  return Moment{out.str()};
}

Table to_table(const toml::table& table);

Value to_value(const toml::node& node) {
  Value value;
  value.position = to_position(node.source().begin);
  if (const auto* table = node.as_table()) {
    value.content = to_table(*table);
  } else if (const auto* array = node.as_array()) {
    Array items;
    items.reserve(array->size());
    for (const toml::node& item : *array) {
      items.push_back(to_value(item));
    }
    value.content = std::move(items);
  } else if (const auto* text = node.as_string()) {
    value.content = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value.content = integer->get();
  } else if (const auto* number = node.as_floating_point()) {
    value.content = number->get();
  } else if (const auto* truth = node.as_boolean()) {
    value.content = truth->get();
  } else if (const auto* date = node.as_date()) {
    value.content = to_moment(date->get());
  } else if (const auto* time = node.as_time()) {
    value.content = to_moment(time->get());
  } else if (const auto* date_time = node.as_date_time()) {
    value.content = to_moment(date_time->get());
  }
  return value;
}

Table to_table(const toml::table& table) {
  Table entries;
  entries.reserve(table.size());
  for (const auto& [key, node] : table) {
    entries.push_back({std::string(key.str()), to_position(key.source().begin), to_value(node)});
  }
  return entries;
}

// The line with a key of too many parts; 0: there is none. Quoted text is not told apart: no value
// of ours holds so many dots in a row either.
std::uint32_t line_with_too_many_dots(std::string_view text) {
  std::uint32_t line = 1;
  int dots = 0;
  for (const char c : text) {
    if (c == '.') {
      if (++dots > kMostDots) {
        return line;
      }
    } else if (std::string_view("\n=,[]{}#").find(c) != std::string_view::npos) {
      dots = 0;
      line += c == '\n' ? 1 : 0;
    }
  }
  return 0;
}

}  // namespace

Result<Document> Document::parse(std::string_view text, const std::string& name) {
  if (text.size() > to_number(kDocumentLimit)) {
    return Error{escape(name) + ": is larger than " + std::to_string(to_number(kDocumentLimit)) +
                 " bytes"};
  }
  if (const auto line = line_with_too_many_dots(text)) {
    return Error{at(name, {line, 1}) + "more than " + std::to_string(kMostDots) +
                 " dots without a separator"};
  }
  try {
    const toml::table table = toml::parse(text, std::string_view(name));
    return Document(name, Value{Position{}, to_table(table)});
  } catch (const toml::parse_error& error) {
    return Error{at(name, to_position(error.source().begin)) + escape(error.description())};
  } catch (const std::exception& error) {
    return Error{escape(name) + ": " + escape(error.what())};
  }
}

Result<Document> Document::load(const std::string& path, FileSource& files) {
  const auto text = files.read(path, kDocumentLimit);
  if (!text) {
    return text.error();
  }
  return parse(*text, path);
}

Result<Document> Document::load(const std::string& path) {
  RealFiles disk;
  return load(path, disk);
}

}  // namespace smtpguard::conf
