#include "conf/base/utf8.hpp"

#include <algorithm>
#include <array>

namespace smtpguard {
namespace {

struct Lead {
  std::uint8_t first;
  std::uint8_t last;
  std::size_t length;
  std::uint8_t second_from;
  std::uint8_t second_to;
};

// RFC 3629 section 4: the ranges of the second byte exclude overlong forms, surrogates and what
// lies above U+10FFFF.
constexpr std::array<Lead, 8> kLeads{{
    {0xC2, 0xDF, 2, 0x80, 0xBF},
    {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF},
    {0xED, 0xED, 3, 0x80, 0x9F},
    {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF},
    {0xF1, 0xF3, 4, 0x80, 0xBF},
    {0xF4, 0xF4, 4, 0x80, 0x8F},
}};

}  // namespace

Utf8Character next_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (byte(0) < 0x80) {
    return {byte(0), 1, true};
  }
  const Utf8Character invalid{byte(0), 1, false};
  const auto* lead = std::find_if(kLeads.begin(), kLeads.end(), [&](const Lead& known) {
    return byte(0) >= known.first && byte(0) <= known.last;
  });
  if (lead == kLeads.end() || text.size() < lead->length || byte(1) < lead->second_from ||
      byte(1) > lead->second_to) {
    return invalid;
  }
  std::uint32_t code = byte(0) & (0xFFU >> (lead->length + 1));
  for (std::size_t i = 1; i < lead->length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) {
      return invalid;
    }
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  return {code, lead->length, true};
}

}  // namespace smtpguard
