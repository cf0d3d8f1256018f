// Known lists — the codes, scores and traits that well-known DNS lists bring, so that naming the
// zone is enough. Owns: a table.   Called by: dns_lists.   Fails: never; an unknown zone has the
// usual.
#pragma once

#include <string>

#include "filters/dns_lists.hpp"

namespace smtpguard::filters {

// What is known of the zone; without codes if nothing is.
DnsList known_list(const std::string& zone);

void add_code(DnsList& list, dns::CodePattern pattern, std::int32_t score, std::string meaning);

}  // namespace smtpguard::filters
