// The lists of conf/lists, compiled in: they are there wherever the daemon runs, in a chroot as
// well. Owns: constant text.   Called by: network.   Fails: never; a test reads every line.
// CMakeLists.txt writes the source from the files; comments and empty lines are left out.
#pragma once

#include <span>
#include <string_view>

namespace smtpguard::filters {

std::span<const std::string_view> builtin_scanners();
std::span<const std::string_view> builtin_clouds();

}  // namespace smtpguard::filters
