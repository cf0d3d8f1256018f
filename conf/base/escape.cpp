#include "conf/base/escape.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "conf/base/text.hpp"
#include "conf/base/utf8.hpp"

namespace smtpguard {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

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

void append_plain(std::string& out, const Utf8Character& character, std::string_view bytes) {
  if (character.is_valid && character.code == 0) {
    out += "\\0";
  } else if (!character.is_valid || is_hidden(character.code)) {
    append_hex_bytes(out, bytes, "\\x");
  } else {
    out += bytes;
  }
}

void append_json(std::string& out, const Utf8Character& character, std::string_view bytes) {
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
    const Utf8Character character = next_utf8(text.substr(shown));
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
