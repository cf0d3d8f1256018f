#include "filters/memory/settings.hpp"

#include "conf/reader.hpp"

namespace smtpguard::filters::memory {

namespace {

void read_span(conf::Reader& section, std::string_view key, std::chrono::seconds& span,
               conf::Range<Milliseconds> allowed) {
  Milliseconds value = span;
  section.duration(key, value, allowed);
  span = std::chrono::duration_cast<std::chrono::seconds>(value);
}

}  // namespace

Settings read_settings(conf::Reader section) {
  Settings settings;
  section.boolean("enabled", settings.is_enabled);
  section.file_path("folder", settings.folder);
  section.integer("entries", settings.entries, {1000, 50'000'000});
  read_span(section, "pass", settings.pass, {1s, 8760h});
  read_span(section, "keep", settings.keep, {1s, 8760h});
  return settings;
}

}  // namespace smtpguard::filters::memory
