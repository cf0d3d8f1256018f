// What supervisor and worker say to each other: any bytes are refused or read as one message, and
// what was read is written as it came. The same for the text of a hand-over.
#include <cstdlib>

#include "proxy/service/handover.hpp"
#include "proxy/service/message.hpp"
#include "tests/fuzz/fuzz_support.hpp"

using namespace smtpguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = service::parse_message(bytes);
  if (message && service::to_wire(*message) != bytes) {
    std::abort();
  }
  const auto handover = service::parse_handover(bytes);
  if (handover) {
    const auto again = service::parse_handover(service::to_text(*handover));
    if (!again || *again != *handover) {
      std::abort();
    }
  }
  return 0;
}
