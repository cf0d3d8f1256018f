// SystemCalls — the seccomp filter of the worker: what an event loop with sockets needs, no more.
// Owns: which calls were refused.   Called by: sandbox_linux.
// Fails: an Error where the kernel or the build has no seccomp.
#pragma once

#include <string>
#include <vector>

#include "conf/base/result.hpp"

namespace smtpguard::service {

// `has_files`: it may open and change files, as far as something else lets it.
Result<void> filter_system_calls(bool has_files);
std::vector<std::string> take_refused_calls();

}  // namespace smtpguard::service
