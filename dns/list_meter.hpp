// ListMeter — a Resolver that tells how the DNS lists behind it answer, and how fast.
// Owns: the zones that it looks for.   Called by: CachingResolver, which it stands behind: so it
// sees questions that really were asked.   Fails: as the resolver behind it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/clock.hpp"
#include "dns/loop.hpp"
#include "dns/resolver.hpp"

namespace smtpguard::dns {

class ListMeter final : public Resolver {
 public:
  using Observer =
      std::function<void(const std::string& zone, const Answer& answer, Milliseconds took)>;

  // Both outlive it.
  ListMeter(Resolver& behind, Loop& loop) : behind_(behind), loop_(loop) {}

  // From now on these, in lower case.
  void watch(std::vector<std::string> zones) { zones_ = std::move(zones); }
  // What it calls outlives the handles that ask() returns.
  void call_on_answer(Observer observer) { observer_ = std::move(observer); }

  LookupHandle ask(const Question& question, Sink sink) override;

 private:
  // nullptr: no list is asked.
  const std::string* zone_of(std::string_view name) const;

  Resolver& behind_;
  Loop& loop_;
  std::vector<std::string> zones_;
  Observer observer_;
};

}  // namespace smtpguard::dns
