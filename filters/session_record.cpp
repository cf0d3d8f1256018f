#include "filters/session_record.hpp"

#include <fmt/format.h>

namespace smtpguard::filters {

std::string_view to_string(Ending ending) {
  switch (ending) {
    case Ending::Quit:
      return "quit";
    case Ending::ClientClosed:
      return "client-closed";
    case Ending::ClientReset:
      return "client-reset";
    case Ending::Timeout:
      return "timeout";
    case Ending::NotReading:
      return "not-reading";
    case Ending::Abuse:
      return "abuse";
    case Ending::Refused:
      return "refused";
    case Ending::BadProxy:
      return "bad-proxy-header";
    case Ending::Shutdown:
      return "shutdown";
    case Ending::Fault:
      return "fault";
  }
  return "?";
}

void SessionRecord::add_recipient(std::string_view address, std::uint16_t code) {
  if (recipients.size() >= kRecordedRecipients) {
    ++recipients_left_out;
    return;
  }
  recipients.push_back(fmt::format("<{}>:{}", address.substr(0, kRecordedAddressLength), code));
}

}  // namespace smtpguard::filters
