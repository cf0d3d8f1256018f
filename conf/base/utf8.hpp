// Utf8 — cuts text of any origin into characters, one at a time.
// Owns: nothing.   Called by: the escaper, smtp/utf8 (addresses, replies).
// Fails: a byte that begins no well-formed sequence comes alone and is not valid. What may be shown
// or sent on is the caller's question; RFC 3629.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace smtpguard {

struct Utf8Character {
  std::uint32_t code = 0;  // the byte itself if it is not valid
  std::size_t length = 1;
  bool is_valid = false;
};

// The character in front; `text` must not be empty.
Utf8Character next_utf8(std::string_view text);

}  // namespace smtpguard
