// Whatever the client calls itself, the trace header is the two lines that it should be.
#include "proxy/smtp/trace_header.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz_support.hpp"

using namespace smtpguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  smtp::TraceFacts facts;
  facts.helo = test::as_text(bytes, size);
  facts.client = IpAddress::parse("2001:db8::9").value();
  facts.hostname = "mx.example.org";
  facts.session_id = "s3ss10n";
  facts.is_esmtp = size % 2 == 0;
  facts.when = static_cast<std::time_t>(size) * 86'400;
  const std::string header = smtp::build_trace_header(facts);
  test::require(header.starts_with("Received: from ") && header.ends_with(" +0000\r\n"),
                "its form");
  test::require(std::count(header.begin(), header.end(), '\n') == 2 &&
                    std::count(header.begin(), header.end(), '\r') == 2,
                "two lines");
  const auto by = header.find("\r\n\tby mx.example.org (smtpguard) with ");
  test::require(by != std::string::npos, "the second is ours");
  const std::string_view first = std::string_view(header).substr(0, by);
  test::require(std::all_of(first.begin(), first.end(), [](char c) { return c >= ' ' && c < 127; }),
                "the first is printable ASCII");
  test::require(first.size() < 400, "and bounded");
  return 0;
}
