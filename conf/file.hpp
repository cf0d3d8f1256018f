// File — a small regular file as text.
// Owns: nothing.   Called by: Document, Reader (list files).
// Fails: read_file() returns an Error "path: why" for what is missing, unreadable, larger than the
// limit or no regular file; it never blocks on a pipe or a device.
#pragma once

#include <string>

#include "conf/base/result.hpp"
#include "conf/base/text.hpp"

namespace smtpguard::conf {

Result<std::string> read_file(const std::string& path, ByteCount limit);

// `path` seen from the folder of `base`: "lists/deny" named in "/etc/smtpguard.toml" is
// "/etc/lists/deny".
std::string resolve_beside(const std::string& path, const std::string& base);

}  // namespace smtpguard::conf
