// Settings — smtpguard.toml read whole: StaticConfig (sealed at start) and RuntimeConfig (swapped
// by a reload). Owns: values.   Called by: main (start, -n). Fails: load_settings() returns every
// semantic error at once, each with file, line, column, what was found, what is allowed and the
// nearest name; a TOML syntax error comes alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "conf/file_source.hpp"
#include "conf/reader.hpp"
#include "dns/settings.hpp"
#include "proxy/control/settings.hpp"
#include "proxy/session/settings.hpp"

namespace smtpguard::service {

struct StaticConfig {
  std::vector<session::ListenerSettings> listeners;
  session::LogSettings log;
  dns::Settings dns;
  control::ControlSettings control;
  std::size_t event_loops = 1;  // threads that carry sessions
};

struct Settings {
  StaticConfig fixed;
  session::RuntimeConfig runtime;
  // What works and is probably not meant: "smtpguard.toml:9:12: backend.identity: none: ...".
  std::vector<std::string> warnings;
};

struct LoadedSettings {
  Settings settings;
  std::vector<std::string> errors;  // one line each, ready to print; empty: settings are good
  // Every key that was asked for, "backend.identity"; the tests hold sample and manual against it.
  std::vector<std::string> known_keys;
  std::vector<conf::InForce> in_force;  // for `config show`; zones of lists with their keys

  bool ok() const { return errors.empty(); }
};

// Reads and checks the file and all files that it names, from `files` or from the disk.
LoadedSettings load_settings(const std::string& path, conf::FileSource& files);
LoadedSettings load_settings(const std::string& path);
// For who does not serve: certificates and keys are left unread, which only root may read.
LoadedSettings load_settings_without_keys(const std::string& path);
// The same for text; `name` stands in messages, relative list files are found beside `name`.
LoadedSettings parse_settings(std::string_view toml, const std::string& name);

}  // namespace smtpguard::service
