// Databases of networks, damaged or made up: whatever is found lies in the file.
#include <string>

#include "filters/maxmind_file.hpp"
#include "tests/fuzz/fuzz_support.hpp"

using namespace smtpguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto file = filters::MaxMindFile::open(std::string(test::as_text(bytes, size)));
  if (!file) {
    test::require(!file.error().text.empty(), "an error says something");
    return 0;
  }
  for (const char* text : {"192.0.2.1", "192.0.2.200", "0.0.0.0", "255.255.255.255", "2001:db8::1",
                           "::", "ffff::1", "::192.0.2.1"}) {
    const IpAddress address = IpAddress::parse(text).value();
    const auto found = file->find(address);
    test::require(!found || found->number != 0, "found is a number");
    test::require(!found || found->name.size() <= 200, "names are bounded");
    test::require(!found || found->network.contains(address), "the network holds the address");
  }
  return 0;
}
