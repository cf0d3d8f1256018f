// Online commands of smtpguardctl: those that ask the running daemon.
// Owns: nothing; what a command needs lives in its callback.   Called by: smtpguardctl_main.
// Fails: the reason goes to standard error, and CLI::RuntimeError carries the exit status out.
#pragma once

#include "proxy/control/protocol.hpp"
#include "proxy/tools/smtpguardctl_options.hpp"

namespace smtpguard::tools {

void add_online_command(CLI::App& parent, const SharedOptions& common, const std::string& name,
                        control::Command command, const std::string& description);
void add_online_commands(CLI::App& app, const SharedOptions& common);

}  // namespace smtpguard::tools
