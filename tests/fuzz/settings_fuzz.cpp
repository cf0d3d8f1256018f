// Any text is either good settings or a list of errors; no error holds a control character.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proxy/service/settings.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  // A folder that does not exist, so that relative list files of the input are never opened.
  const auto loaded = smtpguard::service::parse_settings(text, "/nonexistent/fuzz.toml");
  for (const auto& lines : {loaded.errors, loaded.settings.warnings}) {
    for (const auto& line : lines) {
      for (const char c : line) {
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
          std::abort();
        }
      }
    }
  }
  if (loaded.ok() && loaded.settings.fixed.listeners.empty()) {
    std::abort();
  }
  return 0;
}
