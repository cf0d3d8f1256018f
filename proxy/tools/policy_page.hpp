// Policy page — what this site refuses and how to get through, for whoever runs a mail server that
// sends to it. Written from the active configuration, so that it cannot say anything else than what
// is done. Owns: nothing.   Called by: smtpguardctl policy.   Fails: never.
// Its words about tests are those of the refusals: each test's `says` and `mend`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "filters/policy_set.hpp"
#include "proxy/service/settings.hpp"

namespace smtpguard::tools {

enum class PageForm : std::uint8_t { Markdown, Html };

// `policy`: whose rules are told; one of the configuration, or made up to see how they would be.
// `domain`: one that this site takes mail for.
std::string policy_page(const session::RuntimeConfig& config, const filters::NamedPolicy& policy,
                        const std::string& domain, PageForm form);

}  // namespace smtpguard::tools
