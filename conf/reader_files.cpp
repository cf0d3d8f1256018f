// What Reader takes from the files that a configuration names.
#include <utility>

#include "conf/file.hpp"
#include "conf/list_line.hpp"
#include "conf/reader.hpp"

namespace smtpguard::conf {

std::vector<Located<Cidr>> Reader::file_networks(std::string_view key) {
  return to_networks(key, file_entries(key));
}

std::vector<Located<std::string>> Reader::files(std::string_view key) {
  std::vector<Located<std::string>> out;
  for (auto& path : strings(key)) {
    if (path.value.empty() || path.value.find('\0') != std::string::npos) {
      refuse(key, path, "the path of a file");
      continue;
    }
    out.push_back({resolve_beside(path.value, reading_->document_.name()), path.place});
  }
  return out;
}

std::vector<Located<std::string>> Reader::file_entries(std::string_view key) {
  std::vector<Located<std::string>> out;
  for (const auto& path : files(key)) {
    const auto content = content_of(path.value, kListFileLimit);
    if (!content) {
      error(key, path.place, content.error().text);
      continue;
    }
    const std::uint32_t file = reading_->report_.add_file(path.value);
    std::string_view rest = *content;
    for (std::uint32_t line = 1; !rest.empty(); ++line) {
      const auto end = rest.find('\n');
      const std::string_view whole = rest.substr(0, end);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      ListLine read = read_list_line(whole);
      if (!read.entry.empty()) {
        out.push_back(
            {std::move(read.entry), Place{file, {line, static_cast<std::uint32_t>(read.column)}}});
      }
    }
  }
  return out;
}

Result<std::string> Reader::content_of(const std::string& path, ByteCount limit) {
  return reading_->files_.read(path, limit);
}

bool Reader::lacks_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash != std::string::npos && slash != 0 &&
         reading_->files_.lacks_folder(path.substr(0, slash));
}

}  // namespace smtpguard::conf
