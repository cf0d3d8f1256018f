// DnsMessage — builds DNS answers octet by octet, right ones and wrong ones.
// Owns: the message so far.   Called by: tests of the parser, the DNS server of the channel test.
// Fails: never; nothing is checked, so that every rule can be broken. Written apart from
// dns/message.cpp: the two would otherwise agree on the same mistakes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "dns/question.hpp"

namespace smtpguard::test {

using Octets = std::string;

inline Octets number16(unsigned number) {
  return {static_cast<char>(number >> 8U), static_cast<char>(number & 0xFFU)};
}
inline Octets number32(std::uint32_t number) {
  return number16(number >> 16U) + number16(number & 0xFFFFU);
}
// Labels without compression; "" is the root.
inline Octets wire_name(std::string_view name) {
  Octets out;
  while (!name.empty()) {
    const auto dot = name.find('.');
    const auto label = name.substr(0, dot);
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(dot == std::string_view::npos ? name.size() : dot + 1);
  }
  return out + '\0';
}
inline Octets pointer(unsigned offset) {
  return number16(0xC000U | offset);
}
inline Octets address(std::initializer_list<int> bytes) {
  Octets out;
  for (const int byte : bytes) {
    out += static_cast<char>(byte);
  }
  return out;
}
inline Octets text_data(std::string_view text) {
  return Octets(1, static_cast<char>(text.size())).append(text);
}
inline Octets exchanger(unsigned preference, std::string_view host) {
  return number16(preference) + wire_name(host);
}
// The SOA's last number is how long a negative answer may be believed.
inline Octets soa(std::uint32_t minimum) {
  return wire_name("ns.example") + wire_name("hostmaster.example") + number32(1) + number32(2) +
         number32(3) + number32(4) + number32(minimum);
}

inline constexpr unsigned kTypeA = 1;
inline constexpr unsigned kTypeCname = 5;
inline constexpr unsigned kTypeSoa = 6;
inline constexpr unsigned kTypePtr = 12;
inline constexpr unsigned kTypeMx = 15;
inline constexpr unsigned kTypeTxt = 16;
inline constexpr unsigned kTypeAaaa = 28;

inline unsigned type_code(dns::RecordType type) {
  using dns::RecordType;
  switch (type) {
    case RecordType::A:
      return kTypeA;
    case RecordType::AAAA:
      return kTypeAaaa;
    case RecordType::PTR:
      return kTypePtr;
    case RecordType::MX:
      return kTypeMx;
    case RecordType::TXT:
      return kTypeTxt;
  }
  return 0;
}

// The question's name stands at this offset, for pointer().
inline constexpr unsigned kQuestionOffset = 12;

struct DnsMessage {
  unsigned id = 0;
  unsigned flags = 0x8180;  // an answer, recursion desired and available, no error
  int questions = 1;
  Octets question;
  std::vector<Octets> answers;
  std::vector<Octets> authorities;

  explicit DnsMessage(const dns::Question& asked)
      : question(wire_name(asked.name) + number16(type_code(asked.type)) + number16(1)) {}

  static Octets record(const Octets& owner, unsigned type, std::uint32_t ttl, const Octets& data,
                       unsigned klass = 1) {
    return owner + number16(type) + number16(klass) + number32(ttl) +
           number16(static_cast<unsigned>(data.size())) + data;
  }
  DnsMessage& code(unsigned code) {
    flags = (flags & 0xFFF0U) | code;
    return *this;
  }
  // Its owner is the name of the question.
  DnsMessage& answer(unsigned type, std::uint32_t ttl, const Octets& data) {
    return answer(pointer(kQuestionOffset), type, ttl, data);
  }
  DnsMessage& answer(const Octets& owner, unsigned type, std::uint32_t ttl, const Octets& data) {
    answers.push_back(record(owner, type, ttl, data));
    return *this;
  }
  DnsMessage& authority(unsigned type, std::uint32_t ttl, const Octets& data) {
    authorities.push_back(record(wire_name("example"), type, ttl, data));
    return *this;
  }

  Octets octets() const {
    Octets out = number16(id) + number16(flags) + number16(static_cast<unsigned>(questions)) +
                 number16(static_cast<unsigned>(answers.size())) +
                 number16(static_cast<unsigned>(authorities.size())) + number16(0);
    out += questions > 0 ? question : Octets();
    for (const auto* section : {&answers, &authorities}) {
      for (const Octets& one : *section) {
        out += one;
      }
    }
    return out;
  }
};

}  // namespace smtpguard::test
