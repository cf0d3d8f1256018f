// early_talker — the client spoke before the greeting was over (RFC 5321 3.1, 4.3.1): bots that
// send their commands without listening do. Who is greeted at once cannot talk early.
#include <array>

#include "filters/filter.hpp"

namespace smtpguard::filters {
namespace {

constexpr std::array kTests{Test{
    .name = "early_talker",
    .lenient = points(6),
    .balanced = kRequire,
    .strict = kRequire,
    .says = "you sent commands before our greeting was over",
    .mend = "wait for the last line of the 220 greeting (RFC 5321 4.3.1)",
}};

class EarlyTalker final : public Filter {
 public:
  void judge(const SessionFacts& facts, Findings& findings) const override {
    findings.push_back(facts.misbehaviour.early == 0
                           ? passed(kTests[0])
                           : failed(kTests[0], "spoke before the greeting was over"));
  }
};

}  // namespace

extern const FilterKind kEarlyTalker;
const FilterKind kEarlyTalker{
    "early_talker", FilterKind::Scope::Visitors, kTests,
    [](conf::Reader& /*root*/, const Site& /*site*/) -> std::unique_ptr<const Filter> {
      return std::make_unique<EarlyTalker>();
    }};

}  // namespace smtpguard::filters
