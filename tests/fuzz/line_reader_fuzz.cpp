// Lines do not depend on the cut, are bounded, and together with their ends are all that came.
#include "proxy/smtp/line_reader.hpp"

#include "tests/fuzz/fuzz_support.hpp"

namespace {

using namespace smtpguard;

constexpr std::size_t kLimit = 24;

// "text", then how it ended, for each line; and what is left.
std::string read(const test::Chunks& chunks) {
  std::string out;
  std::size_t octets = 0;
  std::size_t sent = 0;
  smtp::LineReader reader(kLimit);
  for (const std::string& chunk : chunks) {
    sent += chunk.size();
    std::string_view input = chunk;
    while (const auto line = reader.next(input)) {
      test::require(line->text.size() <= kLimit, "a line is at most as long as the limit");
      test::require(line->text.find('\n') == std::string_view::npos, "no LF in a line");
      test::require(!line->overlong || line->text.size() == kLimit, "overlong is cut at the limit");
      if (!line->overlong) {
        octets += line->text.size() + (line->bare_lf ? 1 : 2);
      }
      out += line->text;
      out += line->bare_lf ? "|LF|" : "|CRLF|";
      out += line->overlong ? "overlong|" : "";
      test::require(reader.unfinished() == 0 && reader.kept().empty(),
                    "nothing kept at a line end");
    }
    test::require(input.empty(), "all input is taken");
    test::require(reader.kept().size() <= kLimit, "what is kept is bounded");
  }
  if (out.find("overlong") == std::string::npos) {
    test::require(octets + reader.unfinished() == sent, "no octet is lost or found twice");
  }
  return out + std::string(reader.kept()) + std::to_string(reader.unfinished());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto cuts = test::fuzz_cuts(test::as_text(bytes, size));
  const std::string expected = read(cuts.front());
  for (const test::Chunks& chunks : cuts) {
    test::require(read(chunks) == expected, "lines do not depend on the cut");
  }
  return 0;
}
