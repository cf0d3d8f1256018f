// SourceText — one file of the project, as the house rules look at it.
// Owns: its path and text.   Called by: the house rules and their tests.
// Fails: load_sources() throws when the source tree cannot be read: then no rule was tested.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace smtpguard::arch {

struct SourceText {
  std::string path;  // "conf/base/text.hpp", from the top of the project
  std::string text;

  bool is_header() const;
  bool is_cpp() const;  // header or implementation
};

struct Line {
  std::size_t number = 0;
  std::string_view text;
};
std::vector<Line> lines_of(std::string_view text);
std::size_t line_at(std::string_view text, std::size_t offset);

// The same text with the insides of comments, strings and character literals blanked, offset for
// offset.
std::string blank_comments_and_strings(std::string_view text);

// Every C++ file, script and CMake file of the project under `root`.
std::vector<SourceText> load_sources(const std::string& root);

}  // namespace smtpguard::arch
