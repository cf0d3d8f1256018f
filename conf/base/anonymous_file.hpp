// AnonymousFile — bytes behind a descriptor and no name: what is handed to another process.
// Owns: nothing; gives descriptors away.   Called by: service (configurations, hand-over, ledger).
// Fails: an Error of the system; read_all() also when there is more than the reader wants.
// In memory where the system can do that (Linux, FreeBSD), else an unlinked file in /tmp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "conf/base/descriptor.hpp"
#include "conf/base/result.hpp"

namespace smtpguard {

// Empty, for reading and writing, closed by exec.
Result<Descriptor> make_anonymous_file();
Result<Descriptor> make_anonymous_file(std::string_view content);
// From the begin, wherever the descriptor stands. The writer may be anybody: nothing is mapped.
Result<std::string> read_all(const Descriptor& file, std::size_t limit);

}  // namespace smtpguard
