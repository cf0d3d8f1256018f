// The file of `--answers`: a DNS of one's own for a command.
// Owns: nothing.   Called by: smtpguardctl test, dnsbl check.
// Fails: the first bad line, or why the file cannot be read.
#pragma once

#include <string>

#include "conf/base/result.hpp"
#include "dns/fake_resolver.hpp"

namespace smtpguard::tools {

Result<dns::FakeAnswers> read_answers_file(const std::string& path);

}  // namespace smtpguard::tools
