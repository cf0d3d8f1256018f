#include "filters/session_facts.hpp"

namespace smtpguard::filters {

std::string Mailbox::address() const {
  return domain.empty() ? local_part : local_part + '@' + domain;
}

}  // namespace smtpguard::filters
