// `smtpguardctl probe` — asks the configured backends what a client would meet; needs no running
// daemon. Owns: nothing; what it needs lives in its callback.   Called by: smtpguardctl_main.
// Fails: the reason goes to standard error, and CLI::RuntimeError carries the exit status out.
#pragma once

#include "proxy/tools/smtpguardctl_options.hpp"

namespace smtpguard::tools {

void add_probe_command(CLI::App& app, const SharedOptions& common);

}  // namespace smtpguard::tools
