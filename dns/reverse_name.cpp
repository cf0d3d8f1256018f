#include "dns/reverse_name.hpp"

#include <algorithm>

namespace smtpguard::dns {

std::string reversed(const IpAddress& address) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  if (address.is_v4()) {
    for (std::size_t i = 4; i-- > 0;) {
      out += std::to_string(address.bytes()[i]);
      out += i > 0 ? "." : "";
    }
    return out;
  }
  for (std::size_t i = 16; i-- > 0;) {
    const unsigned byte = address.bytes()[i];
    out += kDigits[byte & 0xFU];
    out += '.';
    out += kDigits[byte >> 4U];
    out += i > 0 ? "." : "";
  }
  return out;
}

std::string reverse_name(const IpAddress& address) {
  return list_name(address, address.is_v4() ? "in-addr.arpa" : "ip6.arpa");
}

std::string list_name(const IpAddress& address, std::string_view zone, std::size_t ipv6_nibbles) {
  std::string entry = reversed(address);
  if (!address.is_v4() && ipv6_nibbles < 32) {
    entry.erase(0, 2 * (32 - ipv6_nibbles));  // a nibble and its dot
  }
  return entry + '.' + std::string(zone);
}

std::vector<Question> forward_questions(const IpAddress& address, const Answer& ptr) {
  const RecordType type = address.is_v4() ? RecordType::A : RecordType::AAAA;
  std::vector<Question> questions;
  for (const std::string& name : ptr.names()) {
    const Question question = canonical({name, type});
    if (questions.size() < kMostNamesChecked &&
        std::find(questions.begin(), questions.end(), question) == questions.end()) {
      questions.push_back(question);
    }
  }
  return questions;
}

ReverseIdentity confirm(const IpAddress& address, const Answer& ptr,
                        std::span<const Answer> forwards) {
  if (is_trouble(ptr.outcome)) {
    return {Confirmation::TempError, {}};
  }
  if (ptr.outcome != Outcome::Found) {
    return {Confirmation::None, {}};
  }
  const std::vector<Question> questions = forward_questions(address, ptr);
  bool is_doubtful = forwards.size() < questions.size();
  for (std::size_t i = 0; i < std::min(questions.size(), forwards.size()); ++i) {
    const auto& addresses = forwards[i].addresses();
    if (std::find(addresses.begin(), addresses.end(), address) != addresses.end()) {
      return {Confirmation::Confirmed, questions[i].name};
    }
    is_doubtful = is_doubtful || is_trouble(forwards[i].outcome);
  }
  return {is_doubtful ? Confirmation::TempError : Confirmation::Unconfirmed,
          questions.empty() ? std::string() : questions.front().name};
}

std::string_view to_string(Confirmation confirmation) {
  switch (confirmation) {
    case Confirmation::Confirmed:
      return "confirmed";
    case Confirmation::Unconfirmed:
      return "unconfirmed";
    case Confirmation::None:
      return "none";
    case Confirmation::TempError:
      return "temp_error";
  }
  return "?";
}

}  // namespace smtpguard::dns
