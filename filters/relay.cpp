// relay — the recipient is not ours: an open-relay attempt, plain or hidden in a local part
// (user%foreign@ours, foreign!user@ours, "user@foreign"@ours). A source route to a recipient of
// ours is legal and only cut off (RFC 5321 appendix C). Networks in `networks.relay` may relay.
#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>

#include "conf/base/text.hpp"
#include "filters/filter.hpp"

namespace smtpguard::filters {
namespace {

constexpr std::array kTests{
    Test{
        .name = "relay.foreign",
        .lenient = kRequire,
        .balanced = kRequire,
        .strict = kRequire,
        .says = "relaying denied: not a recipient of this site",
        .mend = "",
        .about = Test::About::Recipient,
        .is_fixed = true,
    },
    Test{
        .name = "relay.hidden",
        .lenient = kRequire,
        .balanced = kRequire,
        .strict = kRequire,
        .says = "relaying denied: the address hides a recipient of another site",
        .mend = "",
        .about = Test::About::Recipient,
        .is_fixed = true,
    },
};
constexpr const Test& kForeign = kTests[0];
constexpr const Test& kHidden = kTests[1];

// The host that a local part hides, behind the last % or @, or before the first !; empty: none.
std::string_view hidden_host(std::string_view local_part) {
  if (local_part.size() >= 2 && local_part.front() == '"' && local_part.back() == '"') {
    local_part = local_part.substr(1, local_part.size() - 2);
  }
  std::string_view host;
  if (const auto at = local_part.find_last_of("%@"); at != std::string_view::npos) {
    host = local_part.substr(at + 1);
  } else if (const auto bang = local_part.find('!'); bang != std::string_view::npos) {
    host = local_part.substr(0, bang);
  }
  // What is no qualified name is somebody's way to write a mailbox.
  return host.find('.') != std::string_view::npos && is_host_name(host) ? host : std::string_view();
}

class Relay final : public Filter {
 public:
  explicit Relay(const Site& site)
      : recipients_(site.recipients), may_relay_(site.networks.relay) {}

  void judge(const SessionFacts& facts, Findings& findings) const override {
    if (!facts.recipient || may_relay_.contains(facts.client.address)) {
      return;
    }
    const Mailbox& recipient = *facts.recipient;
    if (!recipients_.contains(recipient.domain)) {
      findings.push_back(failed(kForeign, recipient.address()));
      return;
    }
    const std::string_view host = hidden_host(recipient.local_part);
    if (!host.empty() && !recipients_.contains(host)) {
      findings.push_back(failed(kHidden, recipient.address()));
    }
  }

 private:
  RecipientDomains recipients_;
  CidrSet may_relay_;
};

}  // namespace

extern const FilterKind kRelay;
const FilterKind kRelay{
    "relay", FilterKind::Scope::Everybody, kTests,
    [](conf::Reader& /*root*/, const Site& site) -> std::unique_ptr<const Filter> {
      return std::make_unique<Relay>(site);
    }};

}  // namespace smtpguard::filters
