// Configuration — the settings that are in force, and every file that they were read from, so that
// a worker can read them again without opening one.
// Owns: values.   Called by: App, Supervisor (start, reload).
// Fails: load_configuration() returns the errors of the settings.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "proxy/service/settings.hpp"

namespace smtpguard::service {

// All files together; a single list file may have 64 MB.
inline constexpr std::size_t kBundleLimit = 1'000'000'000;

struct Configuration {
  Settings settings;
  std::string files;  // a conf::FileBundle
  std::vector<std::string> errors;

  bool ok() const { return errors.empty(); }
};

inline Configuration load_configuration(const std::string& path) {
  conf::RealFiles disk;
  conf::FileBundle record(disk);
  LoadedSettings loaded = load_settings(path, record);
  return {std::move(loaded.settings), record.to_bytes(), std::move(loaded.errors)};
}

}  // namespace smtpguard::service
