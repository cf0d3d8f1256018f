// relay — the recipient is not ours: an open-relay attempt, plain or hidden in a local part
// (user%foreign@ours, foreign!user@ours, "user@foreign"@ours). A source route to a recipient of
// ours is legal and only cut off (RFC 5321 appendix C). Networks in `networks.relay` may relay.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

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

// What a quoted local part stands for (RFC 5321 4.1.2): some MTAs look for routes in that.
std::string unquoted(std::string_view local_part) {
  const bool is_quoted =
      local_part.size() >= 2 && local_part.front() == '"' && local_part.back() == '"';
  if (is_quoted) {
    local_part = local_part.substr(1, local_part.size() - 2);
  }
  std::string text;
  for (std::size_t i = 0; i < local_part.size(); ++i) {
    const bool is_pair = local_part[i] == '\\' && i + 1 < local_part.size();
    text += local_part[is_pair ? ++i : i];
  }
  return text;
}

// The hosts of a route: each stands behind a % or an @, or before a !. What is no qualified name
// and no address literal is somebody's way to write a mailbox ("100%sure").
std::vector<std::string_view> hidden_hosts(std::string_view local_part) {
  std::vector<std::string_view> hosts;
  const auto add = [&](std::string_view host) {
    host = host.substr(0, host.find_last_not_of('.') + 1);
    const bool is_literal = host.starts_with('[') && host.ends_with(']');
    if (is_literal || (host.find('.') != std::string_view::npos && is_host_name(host))) {
      hosts.push_back(host);
    }
  };
  std::size_t from = 0;
  for (std::size_t mark = 0; mark != std::string_view::npos;) {
    mark = local_part.find_first_of("%@!", from);
    const std::string_view piece = local_part.substr(from, mark - from);
    const bool is_behind_at = from > 0 && local_part[from - 1] != '!';
    const bool is_before_bang = mark != std::string_view::npos && local_part[mark] == '!';
    if (is_behind_at || is_before_bang) {
      add(piece);
    }
    from = mark + 1;
  }
  return hosts;
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
    const std::string local_part = unquoted(recipient.local_part);
    const auto hosts = hidden_hosts(local_part);
    if (std::any_of(hosts.begin(), hosts.end(),
                    [&](std::string_view host) { return !recipients_.contains(host); })) {
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
