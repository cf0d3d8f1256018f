// ProcessTitle — what ps(1) shows: "smtpguard: supervisor", "smtpguard: worker".
// Owns: nothing; on Linux it writes over the memory of argv and environ.   Called by: main (claims
// that memory, once, before anything keeps a pointer into it), Supervisor, WorkerProcess.
// Fails: never; where titles cannot be set, ps goes on showing the command line.
#pragma once

#include <string>

namespace smtpguard::service {

void claim_process_title(int argc, char* argv[]);
// "smtpguard: " goes before it.
void set_process_title(const std::string& title);

}  // namespace smtpguard::service
