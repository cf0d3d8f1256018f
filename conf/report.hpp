// Report — what is wrong with a configuration, all of it, each with its place.
// Owns: the messages and the names of the files they are about.   Called by: Reader and the rooms
// that read their sections through it.
// Fails: never; it keeps kReportLimit errors and counts the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/document.hpp"

namespace smtpguard::conf {

inline constexpr std::size_t kReportLimit = 100;

// Where a value stands: in the configuration (file 0) or in a list file that it names.
struct Place {
  std::uint32_t file = 0;
  Position position;

  auto operator<=>(const Place&) const = default;
};

template <typename T>
struct Located {
  T value;
  Place place;
};

class Report {
 public:
  explicit Report(const std::string& document_name) : files_{document_name} {}

  // The number for a Place.
  std::uint32_t add_file(const std::string& name);

  void error(Place place, std::string_view text);
  void warning(Place place, std::string_view text);

  bool has_errors() const { return !errors_.empty(); }
  bool is_full() const { return errors_.size() >= kReportLimit; }
  // One line each, sorted by place, none twice; the last tells how many were left out.
  std::vector<std::string> errors() const;
  std::vector<std::string> warnings() const;
  // "smtpguard.toml:12:9"
  std::string to_string(Place place) const;

 private:
  std::vector<std::string> lines(const std::vector<Located<std::string>>& messages) const;

  std::vector<std::string> files_;
  std::vector<Located<std::string>> errors_;
  std::vector<Located<std::string>> warnings_;
  std::size_t left_out_ = 0;
};

}  // namespace smtpguard::conf
