// List reports — how the DNS lists are, and what each of them was worth.
// Owns: values.   Called by: service (fills them), ControlServer (renders them).   Fails: never.
// Zones come without the keys in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "conf/base/clock.hpp"
#include "proxy/control/protocol.hpp"

namespace smtpguard::control {

struct ListReport {
  std::string zone;
  std::string label;
  std::string state;    // "works", "slow", "out", "untested"
  std::string trouble;  // empty: none
  std::string remedy;
  std::optional<Milliseconds> since{};
  bool is_allow = false;
  std::uint64_t questions = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t refusals = 0;
  std::uint64_t failures = 0;
  std::uint64_t error_codes = 0;
  std::optional<Milliseconds> median{};  // of the time that answers took
  std::optional<Milliseconds> p95{};
  std::uint64_t hits = 0;
  std::uint64_t alone = 0;
  std::vector<std::pair<std::string, std::uint64_t>> with{};
};

struct ListsReport {
  std::uint64_t sessions = 0;
  std::vector<ListReport> lists{};
};

std::string render(const ListsReport& report, Form form);
// For the report of the whole: what is wrong with a list, in a line.
std::string trouble_in_words(const ListReport& list);

}  // namespace smtpguard::control
