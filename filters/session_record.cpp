#include "filters/session_record.hpp"

#include <fmt/format.h>

#include <algorithm>

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
    case Ending::Blocked:
      return "blocked";
    case Ending::Dropped:
      return "dropped";
    case Ending::TlsFailed:
      return "tls-failed";
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

namespace {

bool names_a_scanner(const SessionRecord& record) {
  const auto is_scanner = [](const Reason& reason) {
    return reason.name.starts_with("network.scanner");
  };
  return record.verdict &&
         (std::any_of(record.verdict->counted.begin(), record.verdict->counted.end(), is_scanner) ||
          std::any_of(record.verdict->observed.begin(), record.verdict->observed.end(),
                      is_scanner));
}

}  // namespace

SessionClass classify(const SessionFacts& facts, const SessionRecord& record) {
  if (facts.is_monitor) {
    return SessionClass::Monitor;
  }
  if (record.delivered != 0 || record.discarded != 0) {
    return SessionClass::Delivered;
  }
  if (names_a_scanner(record)) {
    return SessionClass::Scanner;
  }
  if (facts.misbehaviour.foreign || record.ending == Ending::Abuse ||
      facts.misbehaviour.message_line) {
    return SessionClass::Abuse;
  }
  if (facts.misbehaviour.early != 0) {
    return SessionClass::Early;
  }
  switch (record.ending) {
    case Ending::Refused:
    case Ending::BadProxy:
    case Ending::Shutdown:
    case Ending::Fault:
      return SessionClass::Closed;
    case Ending::Blocked:
    case Ending::Dropped:
      return SessionClass::Refused;
    default:
      break;
  }
  if (record.refused != 0) {
    return SessionClass::Refused;
  }
  if (record.deferred != 0) {
    return SessionClass::Deferred;
  }
  const bool was_too_slow = record.ending == Ending::Timeout || record.ending == Ending::NotReading;
  return was_too_slow ? SessionClass::Timeout : SessionClass::Probe;
}

std::string_view to_string(SessionClass kind) {
  switch (kind) {
    case SessionClass::Delivered:
      return "delivered";
    case SessionClass::Refused:
      return "refused";
    case SessionClass::Deferred:
      return "deferred";
    case SessionClass::Early:
      return "early";
    case SessionClass::Abuse:
      return "abuse";
    case SessionClass::Scanner:
      return "scanner";
    case SessionClass::Probe:
      return "probe";
    case SessionClass::Timeout:
      return "timeout";
    case SessionClass::Monitor:
      return "monitor";
    case SessionClass::Closed:
      return "closed";
  }
  return "?";
}

}  // namespace smtpguard::filters
