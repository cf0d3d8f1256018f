#include "conf/base/escape.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "conf/base/text.hpp"

namespace smtpguard {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

// One character of the input: a well-formed UTF-8 sequence, or one byte that begins none.
struct Character {
  std::uint32_t code = 0;
  std::size_t length = 1;
  bool is_valid = false;
};

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

Character next_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (byte(0) < 0x80) {
    return {byte(0), 1, true};
  }
  const Character invalid{byte(0), 1, false};
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

struct CodeRange {
  std::uint32_t first;
  std::uint32_t last;
};

// Controls, line ends, and what changes direction or shows nothing: a log line must read as it is.
constexpr std::array<CodeRange, 11> kHidden{{
    {0x00, 0x1F},
    {0x7F, 0x9F},
    {0xAD, 0xAD},        // soft hyphen
    {0x061C, 0x061C},    // Arabic letter mark
    {0x180E, 0x180E},    // Mongolian vowel separator
    {0x200B, 0x200F},    // zero width, direction marks
    {0x2028, 0x202E},    // line and paragraph separator, direction embeddings
    {0x2060, 0x206F},    // word joiner, direction isolates
    {0xFEFF, 0xFEFF},    // byte order mark
    {0xFFF9, 0xFFFB},    // interlinear annotations
    {0xE0000, 0xE0FFF},  // tags, variation selectors
}};

bool is_hidden(std::uint32_t code) {
  return std::any_of(kHidden.begin(), kHidden.end(), [&](const CodeRange& range) {
    return code >= range.first && code <= range.last;
  });
}

void append_hex_bytes(std::string& out, std::string_view bytes, std::string_view prefix) {
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    out += prefix;
    out += kHexDigits[byte >> 4U];
    out += kHexDigits[byte & 0xFU];
  }
}

void append_json_unit(std::string& out, std::uint32_t unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) {
    out += kHexDigits[(unit >> static_cast<unsigned>(shift)) & 0xFU];
  }
}

// The short form of what both renderings escape alike; 0 when there is none.
char short_escape(std::uint32_t code) {
  switch (code) {
    case '\r':
      return 'r';
    case '\n':
      return 'n';
    case '\t':
      return 't';
    case '"':
      return '"';
    case '\\':
      return '\\';
    default:
      return 0;
  }
}

void append_plain(std::string& out, const Character& character, std::string_view bytes) {
  if (character.is_valid && character.code == 0) {
    out += "\\0";
  } else if (!character.is_valid || is_hidden(character.code)) {
    append_hex_bytes(out, bytes, "\\x");
  } else {
    out += bytes;
  }
}

void append_json(std::string& out, const Character& character, std::string_view bytes) {
  if (!character.is_valid) {
    append_hex_bytes(out, bytes, "\\\\x");
  } else if (!is_hidden(character.code)) {
    out += bytes;
  } else if (character.code < 0x10000) {
    append_json_unit(out, character.code);
  } else {
    append_json_unit(out, 0xD800U + ((character.code - 0x10000U) >> 10U));
    append_json_unit(out, 0xDC00U + ((character.code - 0x10000U) & 0x3FFU));
  }
}

template <typename Append>
std::string render(std::string_view text, std::size_t limit, Append append) {
  std::string out;
  out.reserve(std::min(text.size(), limit) + 16);
  std::size_t shown = 0;
  while (shown < text.size()) {
    const Character character = next_character(text.substr(shown));
    if (shown + character.length > limit) {
      break;
    }
    if (const char letter = character.is_valid ? short_escape(character.code) : '\0') {
      out += '\\';
      out += letter;
    } else {
      append(out, character, text.substr(shown, character.length));
    }
    shown += character.length;
  }
  if (shown < text.size()) {
    out += "...(+" + std::to_string(text.size() - shown) + ')';
  }
  return out;
}

bool is_bare(char c) {
  constexpr std::string_view kOthers = "-._:/@+[]<>,%";
  return is_alnum(c) || kOthers.find(c) != std::string_view::npos;
}

}  // namespace

std::string escape(std::string_view text, std::size_t limit) {
  return render(text, limit, append_plain);
}

std::string quote_value(std::string_view text, std::size_t limit) {
  if (!text.empty() && text.size() <= limit && std::all_of(text.begin(), text.end(), is_bare)) {
    return std::string(text);
  }
  return '"' + escape(text, limit) + '"';
}

std::string quote_json(std::string_view text, std::size_t limit) {
  return '"' + render(text, limit, append_json) + '"';
}

}  // namespace smtpguard
