// Fuzz target: a sequence of events (client bytes, backend bytes, refusals, losses, timeouts, a
// stop, a handshake that fails) played to both dialogs. Fails: when a session does not end, a reply
// of ours is no whole line, a message is acknowledged that the backend did not accept, several
// replies at once are not the end of a connection, what the backend is sent holds a bare CR, a bare
// LF or NUL, or anything from before a TLS handshake is used behind it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/dialog_stage.hpp"

namespace {

using smtpguard::test::DialogStage;
using smtpguard::test::Injection;
using smtpguard::test::StageSettings;

// Lines "C...", "B...", and single letters for events, each ended by 0xFF, in the order in which
// they are asked for; the first octet of the input chooses the settings.
class Script {
 public:
  explicit Script(std::string_view bytes) : rest_(bytes) {}

  std::optional<std::string> next(char side) {
    while (!rest_.empty()) {
      const auto end = rest_.find('\xFF');
      const std::string_view item = rest_.substr(0, end);
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
      if (!item.empty() && item.front() == side) {
        return std::string(item.substr(1));
      }
      if (!item.empty() && item.front() == 'E') {
        event_ = item.size() > 1 ? item[1] : '0';
      }
    }
    return std::nullopt;
  }

  Injection event() {
    switch (std::exchange(event_, '0')) {
      case '1':
        return Injection::ClientGone;
      case '2':
        return Injection::ClientSlow;
      case '3':
        return Injection::BackendGone;
      case '4':
        return Injection::BackendSlow;
      case '5':
        return Injection::Stop;
      case '6':
        return Injection::HandshakeFails;
      default:
        return Injection::None;
    }
  }

 private:
  std::string_view rest_;
  char event_ = '0';
};

StageSettings settings_from(std::uint8_t choice) {
  StageSettings settings;
  settings.facts.client = *smtpguard::Endpoint::parse("192.0.2.9:40000");
  settings.facts.listener = *smtpguard::Endpoint::parse("198.51.100.7:25");
  settings.offer.capabilities = smtpguard::smtp::capabilities_before_any_backend();
  settings.offer.capabilities.smtp_utf8 = (choice & 1U) != 0;
  settings.offer.capabilities.dsn = (choice & 1U) != 0;
  settings.offer.pipelining = (choice & 2U) != 0;
  settings.hand_off =
      (choice & 4U) != 0 ? smtpguard::smtp::HandOff::Xclient : smtpguard::smtp::HandOff::None;
  settings.offer.start_tls =
      (choice & 16U) != 0 ? smtpguard::smtp::StartTls::Offered : smtpguard::smtp::StartTls::No;
  if ((choice & 96U) != 0) {
    settings.backend_tls = (choice & 32U) != 0 ? smtpguard::smtp::BackendTls::Opportunistic
                                               : smtpguard::smtp::BackendTls::Required;
  }
  if ((choice & 128U) != 0) {
    settings.body.bare_lf = smtpguard::smtp::BareLf::Normalise;
    settings.body.allows_eight_bit = false;
  }
  if ((choice & 8U) != 0) {
    static const auto kDenied =
        smtpguard::test::rulebook_of("[access]\ndeny = [\"192.0.2.0/24\"]\n");
    settings.rules = kDenied;
  }
  return settings;
}

// Every line end is CR LF, so that no reader sees other lines than we wrote.
bool has_clean_lines(std::string_view stream) {
  for (std::size_t at = 0; at < stream.size(); ++at) {
    const bool is_behind_cr = at > 0 && stream[at - 1] == '\r';
    if (stream[at] == '\0' || (stream[at] == '\n') != is_behind_cr) {
      return false;
    }
  }
  return !stream.ends_with('\r');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  DialogStage stage(settings_from(data[0]));
  Script script({reinterpret_cast<const char*>(data) + 1, size - 1});
  stage.client_says = [&] { return script.next('C'); };
  stage.backend_says = [&] { return script.next('B'); };
  stage.backend_accepts = [&] { return script.next('A').has_value(); };
  stage.inject = [&](std::size_t) { return script.event(); };
  const bool ended = stage.run(size * 4 + 1000);
  const bool whole_lines = stage.to_client().empty() || stage.to_client().ends_with("\r\n");
  const bool is_clean = std::all_of(stage.to_backend().begin(), stage.to_backend().end(),
                                    [](const std::string& sent) { return has_clean_lines(sent); });
  if (!ended || !whole_lines || !is_clean || stage.has_crossed_replies() ||
      !stage.broken_rule_of_tls().empty() || stage.acknowledged() > stage.accepted_by_backend()) {
    std::abort();
  }
  return 0;
}
