// A request that is read says the same when it is written again; an error and an answer are told
// without a control character, and no beginning of an answer is one.
#include "proxy/control/protocol.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace smtpguard;
  const std::string_view text = test::as_text(bytes, size);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  const auto request = control::parse_request(text);
  if (request) {
    const std::string line = control::to_wire(*request);
    const auto again = control::parse_request(std::string_view(line).substr(0, line.size() - 1));
    test::require(again.has_value() && *again == *request, "what is written reads the same");
  } else {
    const std::string& error = request.error().text;
    test::require(std::none_of(error.begin(), error.end(), is_control), "one printable line");
  }
  const auto answer = control::parse_answer(text);
  if (!answer) {
    const std::string& error = answer.error().text;
    test::require(std::none_of(error.begin(), error.end(), is_control), "one printable line");
  } else if (size > 0 && !answer->body.empty()) {
    test::require(!control::parse_answer(text.substr(0, size - 1)).has_value(),
                  "an answer that was cut off is none");
  }
  return 0;
}
