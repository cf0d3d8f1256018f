// Invocation — how we were started, so that it can be done again: program and arguments.
// Owns: copies, made before a process title overwrites the originals.   Called by: main, App,
// Supervisor. Fails: never; a program that is found nowhere keeps the name that was typed.
#pragma once

#include <string>
#include <vector>

namespace smtpguard::service {

struct Invocation {
  std::string program;  // absolute, links not followed: an upgrade puts a new file there
  std::vector<std::string> arguments;
};

Invocation remember_invocation(int argc, char* argv[]);
// Seen from where we are now.
std::string absolute_path(const std::string& path);

}  // namespace smtpguard::service
