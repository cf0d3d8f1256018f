// UnixSocket — a listening socket in the file system, and who is at the other end of one.
// Owns: nothing; gives descriptors away.   Called by: service (binds), control (asks who).
// Fails: an Error "control socket PATH: ..."; who it is, is nothing where the system does not tell.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "conf/base/descriptor.hpp"
#include "conf/base/result.hpp"

namespace smtpguard::net {

// Non-blocking, 0660, of this group if one is given. A socket that a daemon left behind is
// replaced; one that somebody answers at is not, nor any other file.
Result<Descriptor> listen_on_path(const std::string& path, std::optional<gid_t> group);

// The user of the process that connected.
std::optional<uid_t> peer_user(int descriptor);

}  // namespace smtpguard::net
