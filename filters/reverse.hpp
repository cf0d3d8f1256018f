// The client's name, forward-confirmed: the questions for it and what came of them, shared by all
// filters that look at it. Owns: nothing.   Called by: rdns, helo, access, network, rule.
// Fails: never; trouble is Confirmation::TempError, an answer that is still missing gives nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dns/reverse_name.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::filters {

// PTR first; when it is answered, the A or AAAA of its first names.
void want_reverse(const SessionFacts& facts, std::vector<dns::Question>& questions);
// Nothing while an answer is open or was never asked for.
std::optional<dns::ReverseIdentity> reverse_of(const SessionFacts& facts);

// Of the PTR's names that are checked, all that lead back to the client: an address may have
// several.
struct ReverseNames {
  std::vector<std::string> confirmed;
  std::vector<std::string> others;
  bool is_complete = false;  // no answer is open, and none was trouble
};
ReverseNames reverse_names_of(const SessionFacts& facts);

}  // namespace smtpguard::filters
