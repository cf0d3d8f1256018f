// Whatever is escaped is one printable line that no terminal obeys.
#include "conf/base/escape.hpp"

#include "proxy/smtp/utf8.hpp"
#include "tests/fuzz/fuzz_support.hpp"

namespace {

using namespace smtpguard;

void check(std::string_view text) {
  test::require(text.size() <= 6 * kLogTextLimit + 64, "what is logged is bounded");
  while (!text.empty()) {
    const std::size_t length = smtp::printable_length(text);
    test::require(length > 0, "only printable text");
    const std::string_view one = text.substr(0, length);
    test::require(one != "\u2028" && one != "\u2029" && one != "\u202E" && one != "\u2066",
                  "no line separators, no bidi controls");
    text.remove_prefix(length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = test::as_text(bytes, size);
  check(escape(text));
  check(escape(text, size / 2));
  check(quote_json(text));
  const std::string value = quote_value(text);
  check(value);
  const bool is_quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  test::require(is_quoted || (!value.empty() && value.find_first_of(" \"=") == std::string::npos),
                "a value is one word or quoted");
  return 0;
}
