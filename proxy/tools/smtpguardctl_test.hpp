// `smtpguardctl test` — tries the configured filters and policies on an imagined client.
// Owns: nothing; what it needs lives in its callback.   Called by: smtpguardctl_main.
// Fails: the reason goes to standard error, and CLI::RuntimeError carries the exit status out: 0
// accepted, 1 could not be tried, 2 refused, 3 come back later.
#pragma once

#include "proxy/tools/smtpguardctl_options.hpp"

namespace smtpguard::tools {

void add_test_command(CLI::App& app, const SharedOptions& common);

}  // namespace smtpguard::tools
