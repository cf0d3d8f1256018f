// history — what the memory says of the client: has its sender written here before, from where
// nobody else can write; and has it lately harvested, broken the protocol, or sent what was
// refused? All counts fade, so nobody is held to his past for long.
#include <fmt/format.h>

#include <array>

#include "filters/filter.hpp"

namespace smtpguard::filters {
namespace {

constexpr std::array kTests{
    Test{
        .name = "history.correspondent",
        .says = "the sender has written here before",
        .effect = Test::Effect::Vouches,
        .is_fixed = true,
    },
    Test{
        .name = "history.harvest",
        .lenient = kObserve,
        .balanced = points(4),
        .strict = points(5),
        .says = "your address has lately written to many recipients that do not exist",
        .mend = "clean your lists",
    },
    Test{
        .name = "history.faults",
        .lenient = kObserve,
        .balanced = points(3),
        .strict = points(4),
        .says = "your server has lately broken the protocol again and again",
        .mend = "wait for our greeting and our replies (RFC 5321 4.3.1)",
    },
    Test{
        .name = "history.refused",
        .lenient = kObserve,
        .balanced = points(2),
        .strict = points(3),
        .says = "most of what your address has lately sent here was refused",
        .mend = "stop what is refused",
    },
    Test{
        .name = "history.network",
        .lenient = kObserve,
        .balanced = points(2),
        .strict = points(2),
        .says = "many hosts of your network have lately broken the protocol",
        .mend = "",
    },
};
constexpr const Test& kCorrespondent = kTests[0];
constexpr const Test& kHarvest = kTests[1];
constexpr const Test& kFaults = kTests[2];
constexpr const Test& kRefused = kTests[3];
constexpr const Test& kNetwork = kTests[4];

constexpr float kManyUnknown = 10;
constexpr float kManyFaults = 3;
constexpr float kManyRefused = 20;
// Refusals come with honest mail as well.
constexpr float kRefusedToAccepted = 5;
// Of the 64 places of a network's sketch.
constexpr int kManyNeighbours = 16;

class History final : public Filter {
 public:
  void judge(const SessionFacts& facts, Findings& findings) const override {
    const memory::Counts& lately = facts.remembered.counts;
    const float faults = lately.early + lately.junk;
    if (facts.correspondent) {
      Finding known = passed(kCorrespondent);
      known.detail = fmt::format(
          "{} by {}, since {}", facts.correspondent->domain,
          facts.correspondent->by.empty() ? "its confirmed name" : facts.correspondent->by,
          memory::to_string(facts.correspondent->since));
      findings.push_back(std::move(known));
    }
    if (lately.unknown >= kManyUnknown && lately.unknown > lately.accepted) {
      findings.push_back(
          failed(kHarvest, fmt::format("lately {:.0f} unknown recipients, {:.0f} messages accepted",
                                       lately.unknown, lately.accepted)));
    }
    if (faults >= kManyFaults && faults > lately.accepted) {
      findings.push_back(
          failed(kFaults, fmt::format("lately {:.0f} sessions with early talk, {:.0f} without SMTP",
                                      lately.early, lately.junk)));
    }
    if (lately.refused >= kManyRefused && lately.refused > kRefusedToAccepted * lately.accepted) {
      findings.push_back(failed(kRefused, fmt::format("lately {:.0f} refused, {:.0f} accepted",
                                                      lately.refused, lately.accepted)));
    }
    if (facts.remembered.failed_neighbours >= kManyNeighbours && lately.accepted < 1) {
      findings.push_back(failed(
          kNetwork, fmt::format("{} or more of its hosts", facts.remembered.failed_neighbours)));
    }
  }
};

}  // namespace

extern const FilterKind kHistory;
const FilterKind kHistory{
    "history", FilterKind::Scope::Strangers, kTests,
    [](conf::Reader& /*root*/, const Site& /*site*/) -> std::unique_ptr<const Filter> {
      return std::make_unique<History>();
    }};

}  // namespace smtpguard::filters
