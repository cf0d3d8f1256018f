// Draining — what the supervisor tells the serving worker of those that end: text of a message.
// Owns: values.   Called by: Supervisor (to_text), WorkerProcess (draining_from).
// Fails: what is no line of it is left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/control/reports.hpp"

namespace smtpguard::service {

std::string to_text(const std::vector<control::DrainingWorker>& workers);
std::vector<control::DrainingWorker> draining_from(std::string_view text);

}  // namespace smtpguard::service
