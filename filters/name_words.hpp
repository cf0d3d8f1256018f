// Name words — the words by which host names are told apart, as data: what providers call a line,
// what administrators call a mail server, and top-level domains that abusers buy by the thousand.
// Owns: constant text, in lower case.   Called by: names.   Fails: never.
// Sources stand at each table. Nothing here names a single company or its domain.
#pragma once

#include <span>
#include <string_view>

namespace smtpguard::filters {

// Of a line or a machine that anybody may rent: "dsl", "pool", "cust".
std::span<const std::string_view> line_words();
// Whole words, and parts of words, that tell that somebody has taken care of the name.
std::span<const std::string_view> care_words();
std::span<const std::string_view> care_parts();
// The same, of what is called a mail server; care alone ("static") is not enough.
std::span<const std::string_view> mail_words();
std::span<const std::string_view> mail_parts();
// "top", "download"
std::span<const std::string_view> abused_domains();

}  // namespace smtpguard::filters
