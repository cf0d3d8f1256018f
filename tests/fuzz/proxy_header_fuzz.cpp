// Every beginning of a header asks for more and claims no byte too many; a header that is whole
// reads the same, whatever follows; what is built anew from it reads the same again.
#include "proxy/smtp/proxy_header.hpp"

#include "tests/fuzz/fuzz_support.hpp"

namespace {

using namespace smtpguard;
using State = smtp::ProxyParse::State;

void check_built(const std::string& bytes, const smtp::ProxyHeader& expected) {
  const smtp::ProxyParse parsed = smtp::parse_proxy_header(bytes);
  test::require(parsed.state == State::Done && parsed.header_bytes == bytes.size() &&
                    parsed.header == expected,
                "what is built reads the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = test::as_text(bytes, size);
  const smtp::ProxyParse parsed = smtp::parse_proxy_header(text);
  test::require(parsed.header_bytes <= size, "no more bytes are claimed than there are");
  test::require((parsed.state == State::Bad) == !parsed.error.empty(), "bad has a reason");
  if (parsed.state == State::NeedMore) {
    test::require(parsed.header_bytes == size, "all that is there belongs to the header");
    test::require(size < 16 + smtp::kProxyV2Limit, "what is waited for is bounded");
  }
  if (parsed.state != State::Done) {
    return 0;
  }
  for (std::size_t cut = 0; cut < parsed.header_bytes; ++cut) {
    const smtp::ProxyParse early = smtp::parse_proxy_header(text.substr(0, cut));
    test::require(early.state == State::NeedMore && early.header_bytes == cut,
                  "a beginning of a good header asks for more");
  }
  const smtp::ProxyParse alone = smtp::parse_proxy_header(text.substr(0, parsed.header_bytes));
  test::require(alone.state == State::Done && alone.header == parsed.header,
                "what follows changes nothing");
  if (!parsed.header.is_local) {
    const auto& [is_local, source, destination] = parsed.header;
    check_built(smtp::build_proxy_v1(source, destination), parsed.header);
    check_built(smtp::build_proxy_v2(source, destination, text.substr(0, 200)), parsed.header);
  }
  return 0;
}
