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

Settings read_settings(conf::Reader& root) {
  Settings settings;
  conf::Reader section = root.section("memory");
  section.boolean("enabled", settings.is_enabled);
  section.file_path("folder", settings.folder);
  section.integer("entries", settings.entries, {1000, 50'000'000});
  read_span(section, "pass", settings.pass, {1s, 8760h});
  read_span(section, "keep", settings.keep, {1s, 8760h});
  read_span(section, "correspondents", settings.correspondents, {1s, 87600h});
  conf::Reader greylist = root.section("greylist");
  read_span(greylist, "wait", settings.greylist.wait, {1s, 1h});
  read_span(greylist, "window", settings.greylist.window, {1min, 168h});
  if (settings.greylist.window <= settings.greylist.wait) {
    greylist.error("window", "not longer than \"wait\": nobody could ever come back");
  }
  conf::Reader blocks = root.section("blocks");
  blocks.boolean("automatic", settings.blocks.is_automatic);
  blocks.integer("harvest", settings.blocks.harvest, {3, 1'000'000});
  blocks.integer("faults", settings.blocks.faults, {3, 1'000'000});
  read_span(blocks, "time", settings.blocks.time, {1s, 720h});
  read_span(blocks, "longest", settings.blocks.longest, {1s, 8760h});
  if (settings.blocks.longest < settings.blocks.time) {
    blocks.error("longest", "shorter than \"time\"");
  }
  return settings;
}

}  // namespace smtpguard::filters::memory
