// An address, an endpoint or a network that parses is written in one way, which reads the same
// again.
#include "conf/base/cidr.hpp"
#include "conf/base/ip_address.hpp"
#include "tests/fuzz/fuzz_support.hpp"

using namespace smtpguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = test::as_text(bytes, size);
  if (const auto address = IpAddress::parse(text)) {
    test::require(IpAddress::parse(address->to_string()) == address, "an address reads the same");
    test::require(address->prefix(address->bit_length()) == *address, "its whole prefix is itself");
  }
  if (const auto endpoint = Endpoint::parse(text)) {
    test::require(Endpoint::parse(endpoint->to_string()) == endpoint, "an endpoint reads the same");
  }
  if (const auto network = Cidr::parse(text)) {
    const auto again = Cidr::parse(network->to_string());
    test::require(again.has_value() && *again == *network, "a network reads the same");
    test::require(network->contains(network->network), "a network holds its first address");
    const CidrSet set({*network, *network});
    test::require(set.size() == 1 && set.find(network->network) == *network, "a set finds it");
  }
  return 0;
}
