#include "proxy/service/message.hpp"

namespace smtpguard::service {
namespace {

constexpr std::string_view kMagic = "SG";

}  // namespace

std::string to_wire(const Message& message) {
  std::string bytes(kMagic);
  bytes += static_cast<char>(kProtocolVersion);
  bytes += static_cast<char>(message.kind);
  bytes += message.flag ? '\1' : '\0';
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(message.tag >> static_cast<unsigned>(shift) & 0xffU);
  }
  bytes.append(message.text, 0, kMessageLimit - kMessageHeader);
  return bytes;
}

Result<Message> parse_message(std::string_view bytes) {
  if (bytes.size() < kMessageHeader || bytes.size() > kMessageLimit || !bytes.starts_with(kMagic)) {
    return Error{"not a message of smtpguard"};
  }
  const auto octet = [&](std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); };
  if (octet(2) != kProtocolVersion) {
    return Error{"version " + std::to_string(octet(2)) + " of the protocol, ours is " +
                 std::to_string(kProtocolVersion)};
  }
  if (octet(3) == 0 || octet(3) > static_cast<std::uint8_t>(kLastMessageKind) || octet(4) > 1) {
    return Error{"unknown kind of message " + std::to_string(octet(3))};
  }
  Message message;
  message.kind = static_cast<MessageKind>(octet(3));
  message.flag = octet(4) == 1;
  for (std::size_t i = 5; i < kMessageHeader; ++i) {
    message.tag = message.tag << 8U | octet(i);
  }
  message.text = bytes.substr(kMessageHeader);
  return message;
}

}  // namespace smtpguard::service
