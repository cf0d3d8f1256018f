#include "filters/registry.hpp"

#include <algorithm>
#include <array>

namespace smtpguard::filters {

// Each stands in the file of its name.
extern const FilterKind kAccess;
extern const FilterKind kRelay;
extern const FilterKind kEarlyTalker;
extern const FilterKind kPipelining;
extern const FilterKind kProtocol;
extern const FilterKind kHelo;
extern const FilterKind kEnvelope;
extern const FilterKind kDnsbl;
extern const FilterKind kRdns;
extern const FilterKind kNetwork;
extern const FilterKind kHistory;
extern const FilterKind kRule;

namespace {
// How it behaves, then who it is.
constexpr std::array kFilters{
    &kAccess,   &kRelay, &kEarlyTalker, &kPipelining, &kProtocol, &kHelo,
    &kEnvelope, &kDnsbl, &kRdns,        &kNetwork,    &kHistory,  &kRule,
};
}  // namespace

std::span<const FilterKind* const> all_filters() {
  return kFilters;
}

const std::vector<const Test*>& all_tests() {
  static const std::vector<const Test*> tests = [] {
    std::vector<const Test*> all;
    for (const FilterKind* kind : kFilters) {
      for (const Test& test : kind->tests) {
        all.push_back(&test);
      }
    }
    return all;
  }();
  return tests;
}

const Test* find_test(std::string_view name) {
  const auto& tests = all_tests();
  const auto found = std::find_if(tests.begin(), tests.end(),
                                  [&](const Test* test) { return test->name == name; });
  return found == tests.end() ? nullptr : *found;
}

}  // namespace smtpguard::filters
