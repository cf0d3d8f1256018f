#include "filters/protocol_recogniser.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "conf/base/text.hpp"

namespace smtpguard::filters {
namespace {

using namespace std::string_view_literals;

// Bytes at a place. Binary protocols need both places, so that chance does not make a name.
struct Signature {
  std::string_view name;
  std::string_view first;
  std::size_t at = 0;  // where `second` stands
  std::string_view second{};
};

constexpr std::array kSignatures = std::to_array<Signature>({
    {"SSH", "SSH-"},
    {"PROXY", "PROXY TCP"},
    {"PROXY", "PROXY UNKNOWN"},
    {"PROXY", "\r\n\r\n\0\r\nQUIT\n"sv},
    {"HTTP", "PRI * HTTP/2"},
    {"HTTP", "HTTP/1."},
    {"RTSP", "RTSP/1."},
    {"SIP", "SIP/2.0 "},
    {"VNC", "RFB 00"},
    {"XMPP", "<?xml"},
    {"XMPP", "<stream:stream"},
    {"AMQP", "AMQP\0"sv},
    {"AMQP", "AMQP\1"},
    {"ADB", "CNXN\0"sv},
    {"BitTorrent",
     "\x13"
     "BitTorrent protocol"},
    {"Java RMI", "JRMI\0"sv},
    {"Java serialization", "\xac\xed\0\x05"sv},
    {"IRC", "NICK "},
    {"POP3 or FTP", "USER "},
    {"POP3 or FTP", "CAPA\r"},
    {"JSON-RPC", "{\"id\""},
    {"JSON-RPC", "{\"method\""},
    {"JSON-RPC", "{\"jsonrpc\""},
    // SSLv2's hello that offers SSL 2.0 to TLS 1.2.
    {"TLS", "\x80", 2, "\x01\x03"},
    {"TLS", "\x80", 2, "\x01\0\x02"sv},
    // TPKT (RFC 1006) with an X.224 connection request: RDP, or machines of industry.
    {"RDP", "\x03\0"sv, 5, "\xe0\0\0\0\0\0Cookie: mstshash"sv},
    {"RDP", "\x03\0"sv, 5, "\xe0\0\0\0\0\0\x01\0\x08\0"sv},
    {"TPKT", "\x03\0"sv, 5, "\xe0"},
    {"SMB", "\0"sv, 4, "\xffSMB"},
    {"SMB", "\0"sv, 4, "\xfeSMB"},
    {"NetBIOS", "\x81\0\0"sv},
    {"DCE/RPC", "\x05\0\x0b\x03\x10\0"sv},
    {"LDAP", "\x30", 2, "\x02\x01"},
    {"LDAP", "\x30\x84", 6, "\x02\x01"},
    {"Kerberos", "\0\0"sv, 4, "\x6a\x81"},
    {"PostgreSQL", "\0\0\0\x08\x04\xd2\x16"sv},
    {"PostgreSQL", "\0\0"sv, 4, "\0\x03\0\0"sv},
    {"MQTT", "\x10", 2, "\0\x04MQTT"sv},
    {"MQTT", "\x10", 2, "\0\x06MQIsdp"sv},
    {"MongoDB", "", 12, "\xd4\x07\0\0"sv},
    {"MongoDB", "", 12, "\xdd\x07\0\0"sv},
    {"MS SQL", "\x12\x01\0"sv},
    {"Oracle", "\0"sv, 2, "\0\0\x01\0\0\0\x01"sv},
    // One question, recursion asked for or not: DNS by TCP.
    {"DNS", "\0"sv, 4, "\x01\0\0\x01\0\0"sv},
    {"DNS", "\0"sv, 4, "\0\0\0\x01\0\0"sv},
    {"PPTP", "\0\x9c\0\x01\x1a\x2b\x3c\x4d"sv},
    {"X11", "l\0\x0b\0"sv},
    {"X11", "B\0\0\x0b"sv},
});

bool matches(const Signature& signature, std::string_view bytes) {
  return bytes.starts_with(signature.first) && bytes.size() > signature.at &&
         bytes.substr(signature.at).starts_with(signature.second);
}

unsigned octet(std::string_view bytes, std::size_t at) {
  return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0x100U;
}

// A record of type handshake, SSL 3.0 to TLS 1.3, with a client hello if so much is there.
bool is_tls(std::string_view bytes) {
  const bool is_hello = bytes.size() < 6 || octet(bytes, 5) == 1;
  return octet(bytes, 0) == 0x16 && octet(bytes, 1) == 3 && octet(bytes, 2) <= 4 && is_hello;
}

// CONNECT or BIND to a port and an address, ended by the NUL of the user's name.
bool is_socks4(std::string_view bytes) {
  const unsigned command = octet(bytes, 1);
  return octet(bytes, 0) == 4 && (command == 1 || command == 2) && bytes.size() >= 9 &&
         bytes.find('\0', 8) != std::string_view::npos;
}

// A list of authentication methods, whole and nothing behind it.
bool is_socks5(std::string_view bytes) {
  const unsigned methods = octet(bytes, 1);
  return octet(bytes, 0) == 5 && methods >= 1 && methods <= 16 && bytes.size() == 2 + methods;
}

bool is_telnet(std::string_view bytes) {
  const unsigned command = octet(bytes, 1);
  return octet(bytes, 0) == 0xff && command >= 0xfb && command <= 0xfe && bytes.size() >= 3;
}

// "*1\r\n$4\r\n"; a line alone is "*1".
bool is_redis(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find_first_of("\r\n"));
  return line.size() >= 2 && line.size() <= 4 && line.front() == '*' &&
         std::all_of(line.begin() + 1, line.end(), is_digit);
}

bool is_method(std::string_view word) {
  constexpr std::array kMethods = std::to_array<std::string_view>(
      {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "CONNECT"});
  return std::find(kMethods.begin(), kMethods.end(), word) != kMethods.end();
}

// "METHOD target VERSION": HTTP, and what was built after it.
std::string_view in_request_line(std::string_view line) {
  const auto first_blank = line.find(' ');
  const auto last_blank = line.rfind(' ');
  if (first_blank == std::string_view::npos) {
    return {};
  }
  const std::string_view version = line.substr(last_blank + 1);
  if (last_blank != first_blank) {
    if (version.starts_with("SIP/2.")) {
      return "SIP";
    }
    if (version.starts_with("RTSP/")) {
      return "RTSP";
    }
    if (version.starts_with("HTTP/")) {
      return "HTTP";
    }
  }
  // Of HTTP/0.9, and of lines that were cut.
  const std::string_view target = line.substr(first_blank + 1);
  const bool is_target = target.starts_with('/') || target.starts_with("http://") ||
                         target.starts_with("https://") || target.starts_with("*");
  return is_method(line.substr(0, first_blank)) && is_target ? "HTTP"sv : ""sv;
}

// "a001 LOGIN user secret": a tag, and a command that SMTP does not have in this place.
bool is_imap(std::string_view line) {
  constexpr std::array kCommands = std::to_array<std::string_view>(
      {"CAPABILITY", "LOGIN", "AUTHENTICATE", "LOGOUT", "SELECT", "STARTTLS"});
  const auto blank = line.find(' ');
  if (blank == std::string_view::npos || blank == 0 || blank > 8 ||
      std::none_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(blank), is_digit)) {
    return false;
  }
  const std::string_view rest = line.substr(blank + 1);
  const std::string_view word = rest.substr(0, rest.find(' '));
  return std::any_of(kCommands.begin(), kCommands.end(),
                     [&](std::string_view command) { return equals_ignoring_case(word, command); });
}

}  // namespace

std::string_view recognise(std::string_view bytes) {
  const auto* found =
      std::find_if(kSignatures.begin(), kSignatures.end(),
                   [&](const Signature& signature) { return matches(signature, bytes); });
  if (found != kSignatures.end()) {
    return found->name;
  }
  if (is_tls(bytes)) {
    return "TLS";
  }
  if (is_socks4(bytes)) {
    return "SOCKS4";
  }
  if (is_socks5(bytes)) {
    return "SOCKS5";
  }
  if (is_telnet(bytes)) {
    return "Telnet";
  }
  if (is_redis(bytes)) {
    return "Redis";
  }
  const std::string_view line = bytes.substr(0, bytes.find_first_of("\r\n"));
  if (is_imap(line)) {
    return "IMAP";
  }
  return in_request_line(line);
}

}  // namespace smtpguard::filters
