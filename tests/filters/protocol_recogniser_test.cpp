#include "filters/protocol_recogniser.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace smtpguard::filters {
namespace {

using namespace std::string_view_literals;

struct Sample {
  std::string_view name;
  std::string_view bytes;
};

constexpr auto kSamples = std::to_array<Sample>({
    {"HTTP", "GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n"},
    {"HTTP", "GET / HTTP/1.0"},
    {"HTTP", "POST /cgi-bin/luci HTTP/1.1\r\n"},
    {"HTTP", "HEAD /robots.txt HTTP/1.0\r\n\r\n"},
    {"HTTP", "CONNECT 192.0.2.7:443 HTTP/1.1\r\n\r\n"},
    {"HTTP", "OPTIONS / HTTP/1.0\r\n\r\n"},
    {"HTTP", "SSTP_DUPLEX_POST /sra_{BA195980}/ HTTP/1.1\r\n"},
    {"HTTP", "GET /nice%20ports%2C/Tri%6Eity.txt%2ebak"},
    {"HTTP", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {"HTTP", "HTTP/1.1 400 Bad Request\r\n"},
    {"SSH", "SSH-2.0-Go\r\n"},
    {"SSH", "SSH-2.0-OpenSSH_9.2p1"},
    {"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv},
    {"TLS", "\x16\x03\x03\x00\x7a\x01"sv},
    {"TLS", "\x16\x03\x01"},
    {"TLS", "\x80\x2e\x01\x03\x01\x00\x15"sv},
    {"SOCKS4", "\x04\x01\x01\xbb\xc0\x00\x02\x07\x00"sv},
    {"SOCKS4", "\x04\x01\x01\xbb\x00\x00\x00\x01user\x00host.example\x00"sv},
    {"SOCKS5", "\x05\x01\x00"sv},
    {"SOCKS5", "\x05\x02\x00\x02"sv},
    {"RDP", "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00"sv},
    {"RDP",
     "\x03\x00\x00\x2f\x2a\xe0\x00\x00\x00\x00\x00"
     "Cookie: mstshash=Administr\r\n"sv},
    {"TPKT", "\x03\x00\x00\x16\x11\xe0\x00\x00\x00\x14\x00\xc1\x02"sv},
    {"SIP", "OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm;branch=foo\r\n"},
    {"SIP", "REGISTER sip:192.0.2.1 SIP/2.0"},
    {"RTSP", "OPTIONS / RTSP/1.0\r\n\r\n"},
    {"RTSP", "DESCRIBE rtsp://192.0.2.1/ RTSP/1.0\r\n"},
    {"SMB",
     "\x00\x00\x00\xa4\xff"
     "SMB\x72"sv},
    {"SMB",
     "\x00\x00\x00\x45\xfe"
     "SMB\x40"sv},
    {"NetBIOS", "\x81\x00\x00\x44\x20"sv},
    {"LDAP", "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"sv},
    {"LDAP", "\x30\x84\x00\x00\x00\x2d\x02\x01\x07\x63"sv},
    {"VNC", "RFB 003.008\n"},
    {"PostgreSQL", "\x00\x00\x00\x08\x04\xd2\x16\x2f"sv},
    {"PostgreSQL", "\x00\x00\x00\x29\x00\x03\x00\x00user\x00"sv},
    {"Redis", "*1\r\n$4\r\nINFO\r\n"},
    {"Redis", "*3"},
    {"MQTT", "\x10\x17\x00\x04MQTT\x04\x02"sv},
    {"MongoDB",
     "\x3a\x00\x00\x00\xa7\x41\x00\x00\x00\x00\x00\x00\xd4\x07\x00\x00\x00\x00\x00\x00"sv},
    {"MS SQL", "\x12\x01\x00\x34\x00\x00\x00\x00"sv},
    {"Oracle", "\x00\x5a\x00\x00\x01\x00\x00\x00\x01\x36\x01\x2c"sv},
    {"DNS",
     "\x00\x1e\x00\x06\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07version\x04"
     "bind"sv},
    {"Kerberos", "\x00\x00\x00\x71\x6a\x81\x6e\x30\x81\x6b"sv},
    {"PPTP", "\x00\x9c\x00\x01\x1a\x2b\x3c\x4d\x00\x01"sv},
    {"Telnet", "\xff\xfd\x01\xff\xfd\x1f"},
    {"X11", "l\x00\x0b\x00\x00\x00"sv},
    {"AMQP", "AMQP\x00\x00\x09\x01"sv},
    {"ADB", "CNXN\x00\x00\x00\x01"sv},
    {"BitTorrent",
     "\x13"
     "BitTorrent protocol"},
    {"Java RMI", "JRMI\x00\x02\x4b"sv},
    {"Java serialization", "\xac\xed\x00\x05sr"sv},
    {"DCE/RPC", "\x05\x00\x0b\x03\x10\x00\x00\x00"sv},
    {"XMPP", "<?xml version='1.0'?><stream:stream"},
    {"IMAP", "a001 LOGIN user secret\r\n"},
    {"IMAP", "A1 CAPABILITY"},
    {"POP3 or FTP", "USER anonymous\r\n"},
    {"POP3 or FTP", "CAPA\r\n"},
    {"IRC", "NICK bot\r\nUSER bot 0 * :bot\r\n"},
    {"JSON-RPC", "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n"},
    {"JSON-RPC", "{\"method\":\"login\",\"params\":{}}"},
    {"PROXY", "PROXY TCP4 192.0.2.1 192.0.2.2 4000 25\r\n"},
    {"PROXY", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"sv},
});

TEST(ProtocolRecogniser, NamesWhatScannersSend) {
  for (const Sample& sample : kSamples) {
    EXPECT_EQ(recognise(sample.bytes), sample.name) << testing::PrintToString(sample.bytes);
  }
}

TEST(ProtocolRecogniser, NeverTakesSmtpForSomethingElse) {
  constexpr auto kCommands = std::to_array<std::string_view>({
      "EHLO client.example.org\r\n",
      "HELO [192.0.2.1]",
      "ehlo localhost",
      "MAIL FROM:<a@example.org> SIZE=1000 BODY=8BITMIME\r\n",
      "RCPT TO:<b@example.org>\r\n",
      "RCPT TO:</var/spool@example.org> NOTIFY=NEVER",
      "DATA\r\n",
      "BDAT 86 LAST",
      "RSET",
      "NOOP",
      "NOOP http://example.org HTTP",
      "QUIT\r\n",
      "VRFY user",
      "EXPN list",
      "HELP",
      "STARTTLS\r\n",
      "AUTH LOGIN",
      "AUTH PLAIN AGEAYgBj",
      "ETRN example.org",
      "XCLIENT ADDR=192.0.2.1",
      "XEXCH50 100 2",
      "",
      "\r\n",
      ".",
      "dXNlcg==",
      "Subject: GET / in the evening",
      "From: <a@example.org>",
      "Received: from a by b with HTTP",
  });
  for (const std::string_view command : kCommands) {
    EXPECT_EQ(recognise(command), "") << command;
  }
}

TEST(ProtocolRecogniser, IsSafeForEveryPieceOfWhatItKnows) {
  for (const Sample& sample : kSamples) {
    for (std::size_t length = 0; length <= sample.bytes.size(); ++length) {
      const std::string piece(sample.bytes.substr(0, length));
      const std::string_view name = recognise(piece);
      EXPECT_LT(name.size(), 20U);
    }
  }
}

TEST(ProtocolRecogniser, GivesNoNameToNoise) {
  EXPECT_EQ(recognise("\x01\x02\x03\x04"), "");
  EXPECT_EQ(recognise(std::string(100, '\0')), "");
  EXPECT_EQ(recognise(std::string(4096, 'A')), "");
  EXPECT_EQ(recognise("GET"), "");
  EXPECT_EQ(recognise("GET me out of here"), "");
}

}  // namespace
}  // namespace smtpguard::filters
