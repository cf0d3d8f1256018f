// Invocation — which program we are, so that an upgrade can execute the one that replaced it.
// Owns: nothing.   Called by: main, App.   Fails: never; a program that is found nowhere keeps the
// name that was typed.
#pragma once

#include <string>

namespace smtpguard::service {

// Absolute; links are not followed, since an upgrade may put another one there.
std::string find_program(const std::string& typed);
// Seen from where we are now.
std::string absolute_path(const std::string& path);

}  // namespace smtpguard::service
