// Landlock — no files, no new TCP ports, no signals to others, for this process and what it starts.
// Owns: nothing.   Called by: sandbox_linux.
// Fails: an Error where the kernel has no Landlock, or does not use it.
#pragma once

#include <string>

#include "conf/base/result.hpp"

namespace smtpguard::service {

// The version of the kernel's Landlock: the newer, the more it takes.
// `folder`: may be read and written below; empty: nothing may.
Result<int> restrict_by_landlock(const std::string& folder);

}  // namespace smtpguard::service
