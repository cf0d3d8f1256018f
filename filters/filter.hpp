// Filter — one kind of test on a session: which answers it needs, and what it finds. Pure.
// Owns: its settings.   Called by: Chain.   Fails: never; what is missing gives Outcome::Skip, what
// went wrong on the way Outcome::TempError.
// A new filter is one file here, its line in registry.cpp, its name in CMakeLists.txt, a test file,
// a section in README.md and a block in the sample smtpguard.toml; a test walks the registry.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "dns/question.hpp"
#include "filters/finding.hpp"
#include "filters/session_facts.hpp"
#include "filters/site.hpp"

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::filters {

class Filter {
 public:
  Filter() = default;
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;
  virtual ~Filter() = default;

  // Adds the questions whose answers it needs next; asked again when some were answered, so that a
  // question may follow from an answer. What was asked before may be named again.
  virtual void wants(const SessionFacts& /*facts*/,
                     std::vector<dns::Question>& /*questions*/) const {}
  // Reports what is found so far. Called again and again: what it reports once with the same facts
  // it reports always.
  virtual void judge(const SessionFacts& facts, Findings& findings) const = 0;
  // Whether judge() may report what ends a session at once, or does more than refuse: cheap, asked
  // at every command. What follows from the DNS counts as well, whether it was asked or not.
  virtual bool may_end_session(const SessionFacts& /*facts*/) const { return false; }
  // The lowest score that questions still open could bring; 0 or less.
  virtual std::int32_t hope(const SessionFacts& /*facts*/) const { return 0; }
};

// What the registry knows of a filter.
struct FilterKind {
  // Whom it looks at.
  enum class Scope : std::uint8_t {
    Everybody,  // also our own networks: relaying, access lists
    Visitors,   // all but our own networks: how a client behaves
    Strangers,  // whom we have no reason to trust: who a client is
  };

  std::string_view name;  // the section of the configuration that it reads, if any
  Scope scope = Scope::Strangers;
  std::span<const Test> tests;
  // Reads its own settings; what is wrong with them is told in the report.
  std::unique_ptr<const Filter> (*make)(conf::Reader& root, const Site& site);
};

}  // namespace smtpguard::filters
