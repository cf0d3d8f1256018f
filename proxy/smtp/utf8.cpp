#include "proxy/smtp/utf8.hpp"

#include "conf/base/utf8.hpp"

namespace smtpguard::smtp {

std::size_t printable_length(std::string_view text) {
  if (text.empty()) {
    return 0;
  }
  const Utf8Character character = next_utf8(text);
  // A terminal obeys C1, U+0080 to U+009F, as it does C0.
  const bool is_control =
      character.code < 0x20 || (character.code >= 0x7F && character.code <= 0x9F);
  return character.is_valid && !is_control ? character.length : 0;
}

}  // namespace smtpguard::smtp
