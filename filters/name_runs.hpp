// Runs — the pieces of a text that consist of wanted characters: the words or numbers of a name.
// Owns: nothing; the pieces are views into the text.   Called by: names, address_in_name.
// Fails: never.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace smtpguard::filters {

template <typename Belongs>
std::vector<std::string_view> runs_of(std::string_view text, Belongs belongs) {
  std::vector<std::string_view> runs;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin;
    while (end < text.size() && belongs(text[end])) {
      ++end;
    }
    if (end > begin) {
      runs.push_back(text.substr(begin, end - begin));
    }
    begin = end + 1;
  }
  return runs;
}

}  // namespace smtpguard::filters
