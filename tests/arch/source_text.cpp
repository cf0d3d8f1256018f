#include "tests/arch/source_text.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace smtpguard::arch {
namespace {

namespace fs = std::filesystem;

bool is_source(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".cpp" || extension == ".hpp" || extension == ".h" || extension == ".py" ||
         path.filename() == "CMakeLists.txt" || path.filename() == "Makefile";
}

SourceText load(const fs::path& root, const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw std::runtime_error("cannot read " + path.string());
  }
  return {path.lexically_relative(root).generic_string(),
          {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()}};
}

// Where the raw string that starts with R" at `at` ends.
std::size_t end_of_raw_string(std::string_view text, std::size_t at) {
  const std::size_t open = text.find('(', at);
  if (open == std::string_view::npos) {
    return text.size();
  }
  const std::string close = ")" + std::string(text.substr(at + 2, open - at - 2)) + "\"";
  const std::size_t end = text.find(close, open);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

std::size_t end_of_quoted(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == quote || text[i] == '\n') {
      return i + 1;
    }
  }
  return text.size();
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Where the comment or literal that begins at `at` ends; `at` itself if none begins there.
std::size_t end_of_blanked(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("//")) {
    return std::min(text.find('\n', at), text.size());
  }
  if (rest.starts_with("/*")) {
    const std::size_t end = text.find("*/", at + 2);
    return end == std::string_view::npos ? text.size() : end + 2;
  }
  if (rest.starts_with("R\"") && (at == 0 || !is_word(text[at - 1]))) {
    return end_of_raw_string(text, at);
  }
  // 1'000'000 is a number, not a character literal.
  const bool is_digit_separator = rest.front() == '\'' && at > 0 && is_word(text[at - 1]);
  if (rest.front() == '"' || (rest.front() == '\'' && !is_digit_separator)) {
    return end_of_quoted(text, at);
  }
  return at;
}

}  // namespace

bool SourceText::is_header() const {
  return path.ends_with(".hpp") || path.ends_with(".h");
}
bool SourceText::is_cpp() const {
  return is_header() || path.ends_with(".cpp");
}

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back({lines.size() + 1, text.substr(0, end)});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::size_t line_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
}

std::string blank_comments_and_strings(std::string_view text) {
  std::string blanked(text);
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = end_of_blanked(text, at);
    for (std::size_t i = at; i < end; ++i) {
      if (blanked[i] != '\n') {
        blanked[i] = ' ';
      }
    }
    at = std::max(end, at + 1);
  }
  return blanked;
}

std::vector<SourceText> load_sources(const std::string& root) {
  std::vector<SourceText> sources;
  for (const char* name : {"CMakeLists.txt", "Makefile"}) {
    sources.push_back(load(root, fs::path(root) / name));
  }
  for (const char* room : {"conf", "dns", "filters", "proxy", "tests", "rc.d"}) {
    if (!fs::exists(fs::path(root) / room)) {
      continue;
    }
    for (const fs::directory_entry& entry :
         fs::recursive_directory_iterator(fs::path(root) / room)) {
      if (entry.is_regular_file() && is_source(entry.path())) {
        sources.push_back(load(root, entry.path()));
      }
    }
  }
  std::sort(sources.begin(), sources.end(),
            [](const SourceText& a, const SourceText& b) { return a.path < b.path; });
  return sources;
}

}  // namespace smtpguard::arch
