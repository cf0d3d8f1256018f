// The DNS lists of conf/lists/retired.txt, compiled in: "ZONE SINCE SOURCE".
// Owns: constant text.   Called by: known_lists.   Fails: never; a test reads every line.
#pragma once

#include <span>
#include <string_view>

namespace smtpguard::dns {

std::span<const std::string_view> retired_lists();

}  // namespace smtpguard::dns
