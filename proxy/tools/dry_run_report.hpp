// What came of a dry run, for people and for programs.
// Owns: nothing.   Called by: smtpguardctl test.   Fails: never; hostile text is escaped.
#pragma once

#include <string>

#include "filters/rulebook.hpp"
#include "proxy/tools/dry_run.hpp"

namespace smtpguard::tools {

// Several lines: who was imagined, what was asked, each test, each verdict and its reply.
std::string in_words(const DryRunReport& report, const filters::Rulebook& rules);
// One object on one line.
std::string in_json(const DryRunReport& report, const filters::Rulebook& rules);

}  // namespace smtpguard::tools
