// House rules — what the compiler does not see: who may include whom, where co_await may stand,
// form of files. Owns: nothing.   Called by: house_test (on the project), house_rules_test (on
// samples that break them). Fails: by saying: each rule returns one line "path:line: what is wrong"
// for each breach.
#pragma once

#include <string>
#include <vector>

#include "tests/arch/source_text.hpp"

namespace smtpguard::arch {

using Breaches = std::vector<std::string>;

// conf <- dns <- filters <- proxy, and the order inside proxy.
Breaches check_room_order(const SourceText& source);
// Each foreign library has its room: toml++, c-ares, SQLite, OpenSSL, Asio; no sockets in pure
// rooms.
Breaches check_library_rooms(const SourceText& source);
// No header includes itself, however far around.
Breaches check_include_circles(const std::vector<SourceText>& sources);
// STYLE rule 5: co_await stands alone, or is the whole initialiser of a local. See
// compiler_probe_test.cpp.
Breaches check_co_await(const SourceText& source);
// At most 500 lines.
Breaches check_length(const SourceText& source);
// Starts with prose that says what it is, then #pragma once.
Breaches check_header_form(const SourceText& source);
// What is left open names its issue: TODO(#12).
Breaches check_open_ends(const SourceText& source);

}  // namespace smtpguard::arch
