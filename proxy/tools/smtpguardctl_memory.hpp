// smtpguardctl memory export, memory import — the file behind the memory as JSON Lines, and back.
// Owns: nothing.   Called by: smtpguardctl_online.   Fails: by an exit status of 1, with the reason
// on standard error. Both work on the file itself, so the daemon need not run; one that does takes
// over what was imported within seconds.
#pragma once

#include "proxy/tools/smtpguardctl_options.hpp"

namespace smtpguard::tools {

void add_memory_files(CLI::App& memory, const SharedOptions& common);

}  // namespace smtpguard::tools
