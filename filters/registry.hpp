// Registry — all filters there are, in the order in which they are told.
// Owns: nothing; each FilterKind stands in its filter's own file.   Called by: Chain, policy
// settings, smtpguardctl, and tests that hold README, sample and test files against it.
// Fails: never.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "filters/filter.hpp"

namespace smtpguard::filters {

std::span<const FilterKind* const> all_filters();

// Of all filters.
const std::vector<const Test*>& all_tests();
// nullptr: there is none of that name.
const Test* find_test(std::string_view name);

}  // namespace smtpguard::filters
