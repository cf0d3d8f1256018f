// protocol — does the client speak SMTP at all, and as RFC 5321 has it? Another protocol, lines
// that are no commands, line ends and characters that no mail server sends, the text of a message
// after a refused DATA, and AUTH, which nobody was offered here.
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "conf/reader.hpp"
#include "filters/filter.hpp"

namespace smtpguard::filters {
namespace {

constexpr std::array kTests{
    Test{
        .name = "protocol.non_smtp",
        .lenient = kRequire,
        .balanced = kRequire,
        .strict = kRequire,
        .says = "this server speaks SMTP and nothing else",
        .mend = "",
        .enhanced = "5.1",
        .effect = Test::Effect::AtOnce,
    },
    Test{
        .name = "protocol.message_line",
        .lenient = kRequire,
        .balanced = kRequire,
        .strict = kRequire,
        .says = "you sent the text of a message where a command was due",
        .mend = "look at the reply to DATA: without 354 there is no message to send (RFC 5321 4.3)",
        .enhanced = "5.1",
        .effect = Test::Effect::AtOnce,
    },
    Test{
        .name = "protocol.unknown_commands",
        .lenient = kRequire,
        .balanced = kRequire,
        .strict = kRequire,
        .says = "you sent too many lines that are no commands",
        .mend = "",
        .enhanced = "5.1",
        .effect = Test::Effect::AtOnce,
    },
    Test{
        .name = "protocol.control_bytes",
        .lenient = kObserve,
        .balanced = points(6),
        .strict = kRequire,
        .says = "you sent NUL, CR or other control characters inside a command",
        .mend = "commands are printable text that ends with CR LF (RFC 5321 2.3.8)",
        .enhanced = "5.2",
    },
    Test{
        .name = "protocol.bare_lf",
        .lenient = kObserve,
        .balanced = points(4),
        .strict = kRequire,
        .says = "you ended commands with LF alone",
        .mend = "end each line with CR LF (RFC 5321 2.3.8)",
        .enhanced = "5.2",
    },
    Test{
        .name = "auth.not_offered",
        .lenient = kObserve,
        .balanced = points(3),
        .strict = points(4),
        .says = "you tried to log in where AUTH is not offered",
        .mend = "mail of your users goes to port 587 or 465 (RFC 6409)",
    },
};
constexpr const Test& kNonSmtp = kTests[0];
constexpr const Test& kMessageLine = kTests[1];
constexpr const Test& kUnknownCommands = kTests[2];
constexpr const Test& kControlBytes = kTests[3];
constexpr const Test& kBareLf = kTests[4];
constexpr const Test& kAuth = kTests[5];

// "1 line", "2 lines"
std::string counted(std::uint32_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

struct ProtocolSettings {
  std::uint32_t unknown_commands = 10;
};

class Protocol final : public Filter {
 public:
  explicit Protocol(const ProtocolSettings& settings) : settings_(settings) {}

  void judge(const SessionFacts& facts, Findings& findings) const override {
    const Misbehaviour& seen = facts.misbehaviour;
    tell(findings, kNonSmtp, seen.foreign.has_value(),
         [&] { return fmt::format("{}: {}", seen.foreign->name, seen.foreign->bytes); });
    tell(findings, kMessageLine, seen.message_line.has_value(), [&] { return *seen.message_line; });
    tell(findings, kUnknownCommands, seen.unknown_commands > settings_.unknown_commands,
         [&] { return fmt::format("more than {} lines", settings_.unknown_commands); });
    tell(findings, kControlBytes, seen.control_bytes != 0,
         [&] { return "in " + counted(seen.control_bytes, "line"); });
    tell(findings, kBareLf, seen.bare_lf != 0, [&] { return counted(seen.bare_lf, "line"); });
    tell(findings, kAuth, seen.auth != 0, [&] { return counted(seen.auth, "time"); });
  }

  bool may_end_session(const SessionFacts& facts) const override {
    const Misbehaviour& seen = facts.misbehaviour;
    return seen.foreign.has_value() || seen.message_line.has_value() ||
           seen.unknown_commands > settings_.unknown_commands;
  }

 private:
  template <typename Evidence>
  static void tell(Findings& findings, const Test& test, bool is_failed, const Evidence& evidence) {
    findings.push_back(is_failed ? failed(test, evidence()) : passed(test));
  }

  ProtocolSettings settings_;
};

}  // namespace

extern const FilterKind kProtocol;
const FilterKind kProtocol{
    "protocol", FilterKind::Scope::Visitors, kTests,
    [](conf::Reader& root, const Site& /*site*/) -> std::unique_ptr<const Filter> {
      ProtocolSettings settings;
      conf::Reader section = root.section("protocol");
      section.integer("unknown_commands", settings.unknown_commands,
                      conf::Range<std::uint32_t>{0, 1'000'000});
      return std::make_unique<Protocol>(settings);
    }};

}  // namespace smtpguard::filters
