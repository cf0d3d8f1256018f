#include "proxy/smtp/proxy_header.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/support/smtp_printers.hpp"

namespace smtpguard::smtp {
namespace {

using namespace std::string_literals;
using State = ProxyParse::State;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

ProxyHeader from_to(std::string_view source, std::string_view destination) {
  return {false, endpoint(source), endpoint(destination)};
}

// Parsed from every beginning of header and SMTP behind it: NeedMore, and never a byte too many,
// until all of it is there.
void expect_header(const std::string& header, const ProxyHeader& expected) {
  const std::string bytes = header + "EHLO a\r\n";
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const ProxyParse parsed = parse_proxy_header(std::string_view(bytes).substr(0, size));
    if (size < header.size()) {
      ASSERT_EQ(parsed.state, State::NeedMore) << size << parsed.error;
      ASSERT_EQ(parsed.header_bytes, size);
    } else {
      ASSERT_EQ(parsed.state, State::Done) << size << parsed.error;
      ASSERT_EQ(parsed.header_bytes, header.size());
      ASSERT_EQ(parsed.header, expected);
    }
  }
}

void expect_bad(std::string_view bytes, std::string_view error) {
  const ProxyParse parsed = parse_proxy_header(bytes);
  EXPECT_EQ(parsed.state, State::Bad) << testing::PrintToString(bytes);
  EXPECT_EQ(parsed.error, error) << testing::PrintToString(bytes);
}

TEST(ProxyHeader, ParsesV1) {
  expect_header("PROXY TCP4 203.0.113.9 198.51.100.7 40001 25\r\n",
                from_to("203.0.113.9:40001", "198.51.100.7:25"));
  expect_header("PROXY TCP6 2001:db8::9 2001:db8::7 65535 0\r\n",
                from_to("[2001:db8::9]:65535", "[2001:db8::7]:0"));
  expect_header("PROXY TCP6 ::ffff:203.0.113.9 2001:db8::7 1 25\r\n",
                from_to("203.0.113.9:1", "[2001:db8::7]:25"));
}

TEST(ProxyHeader, UnknownAndLocalKeepTheAddressesOfTheSocket) {
  const ProxyHeader local{true, {}, {}};
  expect_header("PROXY UNKNOWN\r\n", local);
  expect_header("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", local);
  expect_header(kSignature + "\x20\0\0\0"s, local);
  expect_header(kSignature + "\x20\x11\0\x0C"s + std::string(12, 'x'), local);
}

TEST(ProxyHeader, RefusesBadV1) {
  expect_bad("EHLO a\r\n", "no PROXY header");
  expect_bad("PROXX", "no PROXY header");
  expect_bad("PROXY\r\n", "no PROXY header");
  expect_bad("PROXY TCP4 203.0.113.9 198.51.100.7 40001 25\n", "v1: line end is not CR LF");
  expect_bad("PROXY TCP5 203.0.113.9 198.51.100.7 40001 25\r\n",
             "v1: protocol is neither TCP4, TCP6 nor UNKNOWN");
  expect_bad("PROXY UNKNOWNX\r\n", "v1: protocol is neither TCP4, TCP6 nor UNKNOWN");
  expect_bad("PROXY TCP4  203.0.113.9 198.51.100.7 40001 25\r\n", "v1: bad source address");
  expect_bad("PROXY TCP4 2001:db8::1 198.51.100.7 40001 25\r\n", "v1: bad source address");
  expect_bad("PROXY TCP4 ::ffff:203.0.113.9 198.51.100.7 1 25\r\n", "v1: bad source address");
  expect_bad("PROXY TCP6 203.0.113.9 2001:db8::1 40001 25\r\n", "v1: bad source address");
  expect_bad("PROXY TCP4 203.0.113.09 198.51.100.7 40001 25\r\n", "v1: bad source address");
  expect_bad("PROXY TCP4 203.0.113.9 mx.example 40001 25\r\n", "v1: bad destination address");
  expect_bad("PROXY TCP4 203.0.113.9 198.51.100.7 65536 25\r\n", "v1: bad source port");
  expect_bad("PROXY TCP4 203.0.113.9 198.51.100.7 -1 25\r\n", "v1: bad source port");
  expect_bad("PROXY TCP4 203.0.113.9 198.51.100.7 01 25\r\n", "v1: bad source port");
  expect_bad("PROXY TCP4 203.0.113.9 198.51.100.7 1 \r\n", "v1: bad destination port");
  expect_bad("PROXY TCP4 203.0.113.9 198.51.100.7 1 25 \r\n", "v1: bad destination port");
  expect_bad("PROXY TCP4 203.0.113.9 198.51.100.7 1 25\r\r\n", "v1: bad destination port");
}

TEST(ProxyHeader, BoundsV1) {
  const std::string fits = "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n";
  ASSERT_EQ(fits.size(), kProxyV1Limit);
  expect_header(fits, {true, {}, {}});
  expect_bad("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", "v1: no line end within 107 octets");
  expect_bad("PROXY " + std::string(101, 'x'), "v1: no line end within 107 octets");
}

TEST(ProxyHeader, ParsesV2AndSkipsTlvs) {
  const std::string v4 = "\xCB\0\x71\x09\xC6\x33\x64\x07\x9C\x41\0\x19"s;
  expect_header(kSignature + "\x21\x11\0\x0C"s + v4,
                from_to("203.0.113.9:40001", "198.51.100.7:25"));
  expect_header(kSignature + "\x21\x11\0\x13"s + v4 + "\x05\0\x04"s + "abcd",
                from_to("203.0.113.9:40001", "198.51.100.7:25"));
  const std::string v6 = "\x20\x01\x0D\xB8"s + std::string(11, '\0') + "\x09" +
                         "\x20\x01\x0D\xB8"s + std::string(11, '\0') + "\x07" + "\0\x01\0\x19"s;
  expect_header(kSignature + "\x21\x21\0\x24"s + v6,
                from_to("[2001:db8::9]:1", "[2001:db8::7]:25"));
}

TEST(ProxyHeader, RefusesBadV2) {
  expect_bad("\r\n\r\n\0\r\nQUIX"s, "no PROXY header");
  expect_bad("\x16\x03\x01", "no PROXY header");
  expect_bad(kSignature + "\x11", "v2: version and command 0x11");
  expect_bad(kSignature + "\x22\x11\0\x0C"s, "v2: version and command 0x22");
  expect_bad(kSignature + "\x21\x11\xFF\xFF", "v2: 65535 octets announced, at most 2048");
  expect_bad(kSignature + "\x21\0\0\0"s, "v2: unspecified address family");
  expect_bad(kSignature + "\x21\x31\0\0"s, "v2: address family and transport 0x31, not TCP");
  expect_bad(kSignature + "\x21\x12\0\x0C"s + std::string(12, 'x'),
             "v2: address family and transport 0x12, not TCP");
  expect_bad(kSignature + "\x21\x11\0\x0B"s + std::string(11, 'x'),
             "v2: shorter than two IPv4 addresses and ports");
  expect_bad(kSignature + "\x21\x21\0\x23"s + std::string(35, 'x'),
             "v2: shorter than two IPv6 addresses and ports");
}

TEST(ProxyHeader, BuildsWhatItParses) {
  const std::pair<const char*, const char*> pairs[] = {
      {"203.0.113.9:40001", "198.51.100.7:25"},
      {"[2001:db8::9]:40001", "[2001:db8::7]:25"},
      {"203.0.113.9:40001", "[2001:db8::7]:25"},
      {"[2001:db8::9]:65535", "198.51.100.7:25"},
  };
  for (const auto& [source, destination] : pairs) {
    const ProxyHeader header = from_to(source, destination);
    expect_header(build_proxy_v1(header.source, header.destination), header);
    expect_header(build_proxy_v2(header.source, header.destination, ""), header);
    expect_header(build_proxy_v2(header.source, header.destination, "session-1"), header);
  }
  expect_header(build_proxy_v2_local(), {true, {}, {}});
}

TEST(ProxyHeader, WritesTheExactBytes) {
  const Endpoint source = endpoint("203.0.113.9:40001");
  EXPECT_EQ(build_proxy_v1(source, endpoint("198.51.100.7:25")),
            "PROXY TCP4 203.0.113.9 198.51.100.7 40001 25\r\n");
  EXPECT_EQ(build_proxy_v1(source, endpoint("[2001:db8::7]:25")),
            "PROXY TCP6 ::ffff:203.0.113.9 2001:db8::7 40001 25\r\n");
  EXPECT_EQ(
      build_proxy_v2(source, endpoint("198.51.100.7:25"), "ab"),
      kSignature + "\x21\x11\0\x11\xCB\0\x71\x09\xC6\x33\x64\x07\x9C\x41\0\x19\x05\0\x02"s + "ab");
  EXPECT_EQ(build_proxy_v2(source, endpoint("198.51.100.7:25"), std::string(200, 'x')).size(),
            16U + 12U + 3U + 128U);
}

TEST(ProxyHeader, V2TellsWhatTheClientSpeaks) {
  const Endpoint client = Endpoint::parse("192.0.2.9:40000").value();
  const Endpoint listener = Endpoint::parse("198.51.100.7:25").value();
  const TlsFacts tls{"TLSv1.3", "TLS_X", "mx.example.org", false};
  const std::string plain = build_proxy_v2(client, listener, "");
  const std::string header = build_proxy_v2(client, listener, "", &tls);
  const std::string authority("\x02\x00\x0Emx.example.org", 17);
  // client flags, verify; then version and cipher, each a TLV of its own.
  const std::string about("\x20\x00\x17\x01\x00\x00\x00\x01\x21\x00\x07TLSv1.3\x23\x00\x05TLS_X",
                          26);
  EXPECT_EQ(header.substr(plain.size()), authority + about);
  EXPECT_EQ(header.size(), 16U + static_cast<unsigned char>(header[15]));
  EXPECT_EQ(parse_proxy_header(header).header.source, client);
}

TEST(ProxyHeader, V2LeavesOutANameThatIsNone) {
  const Endpoint client = Endpoint::parse("192.0.2.9:40000").value();
  const TlsFacts tls{"TLSv1.3", "TLS_X", "a\r\nb", false};
  EXPECT_EQ(build_proxy_v2(client, client, "", &tls).find("a\r\nb"), std::string::npos);
}

}  // namespace
}  // namespace smtpguard::smtp
