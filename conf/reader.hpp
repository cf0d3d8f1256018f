// Reader — one table of the configuration, read key by key into a room's settings struct.
// Owns: nothing; it looks into a Reading, which must outlive it.   Called by: each room's
// read_...(). Fails: a bad value leaves the default in place and is told in the report: where, what
// was found, what is allowed, the nearest name. Reading goes on, so that all errors are told at
// once. A key that nobody asked for is unknown: after all rooms have read, Reading::finish() tells
// of it.
//
//   void read_backend(conf::Reader section, BackendSettings& out) {
//     section.require("address", "the MTA behind us, such as \"127.0.0.1:10025\"");
//     section.endpoint("address", out.address);
//     section.duration("reply_timeout", out.reply_timeout, {1s, 1h});
//   }
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/base/cidr.hpp"
#include "conf/base/clock.hpp"
#include "conf/base/ip_address.hpp"
#include "conf/base/text.hpp"
#include "conf/document.hpp"
#include "conf/file_source.hpp"
#include "conf/report.hpp"

namespace smtpguard::conf {

inline constexpr ByteCount kListFileLimit{64'000'000};

// Both ends belong to it.
template <typename T>
struct Range {
  T least;
  T most;
};

// One of the words that a key takes.
template <typename Enum>
struct Word {
  std::string_view text;
  Enum value;
};

class Reading;

// One key with the value that is in force, for `config show`.
struct InForce {
  std::string table;        // "backend"; empty: the top
  bool is_element = false;  // of [[table]]
  Place table_place;        // tells one [[table]] from the next
  std::string key;
  std::string value;       // as TOML
  std::string by_default;  // the same, without the file
  std::uint32_t line = 0;  // where it stands in the file; 0: it does not

  bool is_default() const { return value == by_default; }
};

class Reader {
 public:
  // The tables below this one. An absent table reads as an empty one.
  Reader section(std::string_view key);                      // [key]
  std::vector<Reader> sections(std::string_view key);        // [[key]]
  std::vector<Reader> named_sections(std::string_view key);  // [key.NAME]

  // "backend"; empty for the whole document.
  const std::string& path() const { return path_; }
  // The last part of the path: NAME of named_sections().
  const std::string& name() const { return name_; }
  // Whether the table, or a key of it, stands in the file.
  bool is_present() const { return table_ != nullptr; }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // Where the key's value stands; where the table stands if the key is absent.
  Place place(std::string_view key) const;

  // An error if the key is absent: "backend.address: missing; expected: the MTA behind us".
  bool require(std::string_view key, std::string_view what);

  // Each returns true if the key is there and good, and has then set `out`.
  bool string(std::string_view key, std::string& out);
  bool boolean(std::string_view key, bool& out);
  template <std::unsigned_integral T>
  bool integer(std::string_view key, T& out, Range<T> allowed);
  // May be negative.
  bool score(std::string_view key, std::int32_t& out, Range<std::int32_t> allowed);
  // One of `words`, or a whole number: `out` is the index of the word, or `number` is set.
  struct WordOrScore {
    std::size_t word = 0;
    std::optional<std::int32_t> number;
  };
  bool word_or_score(std::string_view key, WordOrScore& out, const std::vector<std::string>& words,
                     Range<std::int32_t> allowed);
  bool duration(std::string_view key, Milliseconds& out, Range<Milliseconds> allowed);
  bool byte_count(std::string_view key, ByteCount& out, Range<ByteCount> allowed);
  template <typename Enum, std::size_t N>
  bool word(std::string_view key, Enum& out, const std::array<Word<Enum>, N>& words);
  // An address and a port of 1 to 65535.
  bool endpoint(std::string_view key, Endpoint& out);
  // Qualified, and no address.
  bool host_name(std::string_view key, std::string& out);
  // A path; one that is not absolute is meant beside the configuration. Empty text stays empty.
  bool file_path(std::string_view key, std::string& out);

  // Lists; an absent key is an empty list, a bad entry is told and left out.
  std::vector<Located<std::string>> strings(std::string_view key);
  std::vector<Located<Cidr>> networks(std::string_view key);
  // Paths, as file_path() gives one.
  std::vector<Located<std::string>> files(std::string_view key);
  // The entries of the files that the key lists: one a line, blanks around it and # comments
  // do not count.
  std::vector<Located<std::string>> file_entries(std::string_view key);
  std::vector<Located<Cidr>> file_networks(std::string_view key);

  // What the file holds that stands at `path` (from file_path()). A room opens no file by itself:
  // the process that reads a reloaded configuration can open none.
  Result<std::string> content_of(const std::string& path, ByteCount limit);
  // Whether the folder of `path` is surely not there.
  bool lacks_folder_of(const std::string& path);

  // What is in force where the key's own value does not say it: a default that depends on other
  // keys. As TOML.
  void note(std::string_view key, std::string value, std::string by_default);

  // For checks of a room's own. "backend.identity: TEXT"
  void error(std::string_view key, std::string_view text);
  void error(std::string_view key, Place place, std::string_view text);
  void warning(std::string_view key, std::string_view text);
  void warning(std::string_view key, Place place, std::string_view text);
  // "policy.x: found "defualt"; allowed: ALLOWED; did you mean "default"?"
  void refuse(std::string_view key, const Located<std::string>& found, std::string_view allowed,
              const std::vector<std::string>& names = {});

 private:
  friend class Reading;
  Reader(Reading& reading, const Table* table, Place place, std::string path, std::string name,
         bool is_element = false)
      : reading_(&reading),
        table_(table),
        place_(place),
        path_(std::move(path)),
        name_(std::move(name)),
        is_element_(is_element) {}

  std::string path_of(std::string_view key) const;
  // Remembers that the key was asked for; nullptr: it is absent.
  const Value* ask(std::string_view key);
  const Entry* find(std::string_view key) const;
  const std::string* ask_text(std::string_view key, std::string_view allowed);
  void refuse_value(std::string_view key, const Value& value, std::string_view allowed,
                    const std::vector<std::string>& names = {});
  bool integer_in(std::string_view key, std::uint64_t& out, Range<std::uint64_t> allowed);
  // The index of the word; `words.size()`: absent or none of them.
  std::size_t word_in(std::string_view key, const std::vector<std::string>& words);
  std::vector<Located<Cidr>> to_networks(std::string_view key,
                                         const std::vector<Located<std::string>>& texts);

  Reading* reading_;
  const Table* table_;
  Place place_;
  std::string path_;
  std::string name_;
  bool is_element_;  // of [[name]]
};

// Reading — the reading of one document: hands out the first Reader, remembers what was asked for.
// Owns: the report.   Called by: service/settings.   Fails: never; the report tells.
class Reading {
 public:
  // The document outlives this, and so do the files; without any, those of the disk are read.
  explicit Reading(const Document& document) : Reading(document, disk_) {}
  Reading(const Document& document, FileSource& files)
      : document_(document), files_(files), report_(document.name()) {}
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() = default;

  Reader root();
  // Tells of every key and table that nobody asked for.
  void finish();

  Report& report() { return report_; }
  const Report& report() const { return report_; }
  // Every key that was asked for, "backend.identity"; tables are not among them.
  std::vector<std::string> known_keys() const { return {keys_.begin(), keys_.end()}; }
  // What is in force, each key once, in the order in which it was asked for.
  const std::vector<InForce>& in_force() const { return in_force_; }

 private:
  friend class Reader;
  void find_unknown(const Table& table, const std::string& path);
  void tell_unknown(const Entry& entry, const std::string& path, const std::string& full_path);
  // The names known directly below `path`.
  std::vector<std::string> names_below(const std::string& path) const;

  const Document& document_;
  RealFiles disk_;
  FileSource& files_;
  Report report_;
  std::set<std::string> keys_;
  std::set<std::string> sections_;
  std::vector<InForce> in_force_;
};

template <std::unsigned_integral T>
bool Reader::integer(std::string_view key, T& out, Range<T> allowed) {
  std::uint64_t number = out;
  const bool is_good = integer_in(key, number, {allowed.least, allowed.most});
  note(key, std::to_string(number), std::to_string(out));
  out = static_cast<T>(number);
  return is_good;
}

template <typename Enum, std::size_t N>
bool Reader::word(std::string_view key, Enum& out, const std::array<Word<Enum>, N>& words) {
  std::vector<std::string> texts;
  for (const auto& known : words) {
    texts.emplace_back(known.text);
  }
  const std::size_t index = word_in(key, texts);
  const auto text_of = [&words](Enum value) {
    std::string text = "\"";
    for (const auto& known : words) {
      text += known.value == value ? known.text : std::string_view();
    }
    return text + '"';
  };
  const std::string by_default = text_of(out);
  if (index < N) {
    out = words[index].value;
  }
  note(key, text_of(out), by_default);
  return index < N;
}

}  // namespace smtpguard::conf
