// pipelining — the client sent its next command before the reply to the last one, and was not
// offered PIPELINING (RFC 2920 3.1); where it was offered, behind a command that must end a group.
#include <fmt/format.h>

#include <array>

#include "filters/filter.hpp"

namespace smtpguard::filters {
namespace {

constexpr std::array kTests{Test{
    .name = "pipelining",
    .lenient = points(4),
    .balanced = points(6),
    .strict = kRequire,
    .says = "you sent commands without waiting for our replies",
    .mend = "PIPELINING was not offered: send the next command after the reply (RFC 2920 3.1)",
}};

class Pipelining final : public Filter {
 public:
  void judge(const SessionFacts& facts, Findings& findings) const override {
    const std::uint32_t times = facts.misbehaviour.pipelining;
    findings.push_back(times == 0
                           ? passed(kTests[0])
                           : failed(kTests[0], fmt::format("{} time{} before the reply was there",
                                                           times, times == 1 ? "" : "s")));
  }
};

}  // namespace

extern const FilterKind kPipelining;
const FilterKind kPipelining{
    "pipelining", FilterKind::Scope::Visitors, kTests,
    [](conf::Reader& /*root*/, const Site& /*site*/) -> std::unique_ptr<const Filter> {
      return std::make_unique<Pipelining>();
    }};

}  // namespace smtpguard::filters
