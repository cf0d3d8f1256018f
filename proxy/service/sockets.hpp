// Sockets — what the supervisor listens on for its workers: mail ports by address, the control
// socket by path. They stay open whatever becomes of a worker.
// Owns: the descriptors.   Called by: App, Supervisor, Handover.
// Fails: bind_missing() and match() with the Error of the first that cannot be bound; then nothing
// has changed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/descriptor.hpp"
#include "conf/base/result.hpp"
#include "proxy/session/settings.hpp"

namespace smtpguard::service {

struct Sockets {
  using Listeners = std::map<std::string, Descriptor>;

  Listeners listeners;
  std::string control_path;
  Descriptor control;

  // Those of `wanted` that are not there yet.
  Result<Listeners> bind_missing(const std::vector<session::ListenerSettings>& wanted) const;
  void keep_only(const std::vector<session::ListenerSettings>& wanted);
  // Both; changes nothing if it fails.
  Result<void> match(const std::vector<session::ListenerSettings>& wanted);
  // Unless it is there already.
  Result<void> open_control(const std::string& path, std::optional<gid_t> group);
};

}  // namespace smtpguard::service
