// Replies do not depend on the cut; each, written anew, is well-formed and reads the same again.
#include "proxy/smtp/reply.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz_support.hpp"

namespace {

using namespace smtpguard;

struct Read {
  std::vector<smtp::Reply> replies;
  std::string error;
  bool is_midway = false;

  bool operator==(const Read&) const = default;
};

Read read(const test::Chunks& chunks) {
  Read out;
  smtp::ReplyReader reader;
  for (const std::string& chunk : chunks) {
    std::string_view input = chunk;
    while (const auto result = reader.next(input)) {
      if (result->has_error()) {
        out.error = result->error().text;
        return out;
      }
      out.replies.push_back(result->value());
    }
    test::require(input.empty(), "all input is taken");
  }
  out.is_midway = reader.is_midway();
  return out;
}

void check_wire(const smtp::Reply& reply) {
  const std::string wire = reply.to_wire();
  std::string_view rest = wire;
  std::size_t lines = 0;
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n");
    test::require(end != std::string_view::npos && end <= 510, "a line has at most 510 octets");
    const std::string_view line = rest.substr(0, end);
    test::require(
        std::none_of(line.begin(), line.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7F'; }),
        "no control bytes in a reply");
    rest.remove_prefix(end + 2);
    test::require(line.size() >= 4 && line[3] == (rest.empty() ? ' ' : '-'), "hyphens but at last");
    ++lines;
  }
  test::require(lines == reply.lines.size(), "as many lines as it has");
  // Text that was cut, and text that only now looks like an enhanced code, may read otherwise once.
  const Read once = read({wire});
  test::require(once.error.empty() && once.replies.size() == 1 && !once.is_midway,
                "what is written is one reply");
  test::require(once.replies.front().code == reply.code, "with the same code");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto cuts = test::fuzz_cuts(test::as_text(bytes, size));
  const Read expected = read(cuts.front());
  for (const test::Chunks& chunks : cuts) {
    test::require(read(chunks) == expected, "replies do not depend on the cut");
  }
  for (const smtp::Reply& reply : expected.replies) {
    check_wire(reply);
  }
  check_wire(smtp::make_reply(550, "5.7.1", test::as_text(bytes, size)));
  return 0;
}
