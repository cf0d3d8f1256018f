// Document — a TOML text as a tree of values, each with its line and column.
// Owns: the tree.   Called by: Reading, which turns it into settings.
// Fails: parse() and load() return one Error with "name:line:column: why" for a text that is not
// TOML, "name: why" for a file that cannot be read or is too large.
// Only document.cpp knows toml++; an own tree keeps it out of every header and its exceptions
// inside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/base/result.hpp"
#include "conf/base/text.hpp"
#include "conf/file_source.hpp"

namespace smtpguard::conf {

inline constexpr ByteCount kDocumentLimit{1'000'000};

// Counted from 1; columns count characters, not bytes.
struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;

  auto operator<=>(const Position&) const = default;
};

struct Entry;
struct Value;
using Array = std::vector<Value>;
using Table = std::vector<Entry>;

// TOML's dates and times: no setting takes one, so it is enough to show it in an error.
struct Moment {
  std::string text;
};

struct Value {
  Position position;
  std::variant<bool, std::int64_t, double, Moment, std::string, Array, Table> content;
};

struct Entry {
  std::string key;
  Position position;
  Value value;
};

class Document {
 public:
  static Result<Document> parse(std::string_view text, const std::string& name);
  static Result<Document> load(const std::string& path, FileSource& files);
  static Result<Document> load(const std::string& path);

  // As given to parse() or load(): it stands in messages, and list files are found beside it.
  const std::string& name() const { return name_; }
  // Its content is a Table.
  const Value& root() const { return root_; }

 private:
  Document(std::string name, Value root) : name_(std::move(name)), root_(std::move(root)) {}

  std::string name_;
  Value root_;
};

}  // namespace smtpguard::conf
