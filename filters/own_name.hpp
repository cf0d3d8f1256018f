// OwnName — has the client a name of its own? What it says in HELO leads to its address, and is
// not one that a provider made up: then whoever runs it has taken care, and what the reverse DNS
// says of the line counts for nothing. Owns: nothing.   Called by: rdns, helo.
// Fails: never; a name that cannot be looked up is No, for it proves nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "dns/question.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::filters {

enum class OwnName : std::uint8_t {
  No,
  Open,  // HELO was said, and its address is not answered yet
  Yes,
};

// The address of the HELO name, in the client's family.
void want_own_name(const SessionFacts& facts, std::vector<dns::Question>& questions);
OwnName own_name_of(const SessionFacts& facts);

}  // namespace smtpguard::filters
