#include "proxy/smtp/trace_header.hpp"

#include <gtest/gtest.h>

namespace smtpguard::smtp {
namespace {

TraceFacts facts(std::string_view helo, const char* client) {
  TraceFacts facts;
  facts.helo = helo;
  facts.client = IpAddress::parse(client).value();
  facts.hostname = "mx.example.org";
  facts.session_id = "abc";
  return facts;
}

TEST(TraceHeader, NamesClientAndOurselves) {
  EXPECT_EQ(
      build_trace_header(facts("client.example", "192.0.2.9")),
      "Received: from client.example ([192.0.2.9])\r\n"
      "\tby mx.example.org (smtpguard) with ESMTP id abc; Thu, 01 Jan 1970 00:00:00 +0000\r\n");
}

TEST(TraceHeader, TellsOfTls) {
  const TlsFacts tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384", "mx.example.org", false};
  TraceFacts with_tls = facts("client.example", "192.0.2.9");
  with_tls.tls = &tls;
  EXPECT_EQ(build_trace_header(with_tls),
            "Received: from client.example ([192.0.2.9])\r\n"
            "\tby mx.example.org (smtpguard) with ESMTPS id abc (TLSv1.3 TLS_AES_256_GCM_SHA384); "
            "Thu, 01 Jan 1970 00:00:00 +0000\r\n");
}

TEST(TraceHeader, TagsIpv6AndTakesALiteralAsHelo) {
  const std::string line = build_trace_header(facts("[IPv6:2001:db8::9]", "2001:db8::9"));
  EXPECT_EQ(line.substr(0, line.find("\r\n")),
            "Received: from [IPv6:2001:db8::9] ([IPv6:2001:db8::9])");
}

TEST(TraceHeader, LeavesOutAHeloThatCouldForgeIt) {
  for (const char* helo : {"x;(evil", "a)(b", "[not.an.address]", "\xc3\xa4.example"}) {
    const std::string line = build_trace_header(facts(helo, "192.0.2.9"));
    EXPECT_EQ(line.substr(0, line.find(" (")), "Received: from unknown") << helo;
  }
}

}  // namespace
}  // namespace smtpguard::smtp
