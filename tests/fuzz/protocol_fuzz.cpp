// Whatever a client sends first: a name of ours or none, and the same of the same bytes.
#include "filters/protocol_recogniser.hpp"
#include "tests/fuzz/fuzz_support.hpp"

using namespace smtpguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = test::as_text(bytes, size);
  const std::string_view name = filters::recognise(text);
  test::require(name.size() < 20, "a name is short");
  test::require(filters::recognise(std::string(text)) == name, "and does not depend on the place");
  return 0;
}
