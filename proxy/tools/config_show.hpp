// ConfigShow — every key that is in force with its value, as a configuration of its own.
// Owns: nothing.   Called by: smtpguardctl config show.   Fails: never.
// Keys of DNS lists are masked; nothing else in the configuration is secret, private TLS keys are
// files.
#pragma once

#include <string>
#include <vector>

#include "conf/reader.hpp"

namespace smtpguard::tools {

struct ShowOptions {
  bool only_non_default = false;
  bool with_origin = false;  // "# smtpguard.toml:12" or "# default" behind each
  std::string file;          // as the origin names it
};

std::string show_in_toml(const std::vector<conf::InForce>& values, const ShowOptions& options);
std::string show_in_json(const std::vector<conf::InForce>& values, const ShowOptions& options);

}  // namespace smtpguard::tools
