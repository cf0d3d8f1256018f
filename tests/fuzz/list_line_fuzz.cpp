// Lines of list files, which come from elsewhere every night.
#include "conf/list_line.hpp"
#include "tests/fuzz/fuzz_support.hpp"

using namespace smtpguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view line = test::as_text(bytes, size);
  const conf::ListLine read = conf::read_list_line(line);
  test::require(read.entry.size() <= line.size(), "nothing is invented");
  test::require(read.column >= 1 && read.column <= line.size() + 1, "the column is in the line");
  const bool is_trimmed =
      read.entry.empty() || (read.entry.front() != ' ' && read.entry.back() != ' ');
  test::require(is_trimmed, "no blanks around an entry");
  return 0;
}
