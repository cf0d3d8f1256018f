// SpfBook — keeps what the domains that somebody named publish by SPF, fresh and beside all
// sessions. SpfQuery — one domain, once.
// Owns: the questions under way, the table.   Called by: Worker, smtpguardctl test; the table by
// any thread; SpfQuery by whoever has the question "is this address within the SPF networks
// of that domain".
// Fails: trouble is told to `on_change` once; the domain then exempts nobody. Only where a server
// fails to answer, what the domain published before holds for a day more.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/published.hpp"
#include "dns/loop.hpp"
#include "dns/resolver.hpp"
#include "dns/spf_walk.hpp"

namespace smtpguard::dns {

class SpfQuery {
 public:
  using Sink = std::function<void(const SpfOutcome&)>;

  // Calls the sink once, never from in here; not after its own end. The sink may end it.
  SpfQuery(Resolver& resolver, std::string domain, Sink sink);
  SpfQuery(const SpfQuery&) = delete;
  SpfQuery& operator=(const SpfQuery&) = delete;
  ~SpfQuery() = default;

 private:
  void ask();
  void on_answer(const Question& question, const Answer& answer);

  Resolver& resolver_;
  SpfWalk walk_;
  Sink sink_;
  std::vector<LookupHandle> handles_;
};

class SpfBook {
 public:
  // A domain has come into trouble, another one than before, or out of it (then it is empty).
  using Change = std::function<void(std::string_view domain, std::string_view trouble)>;

  // Resolver and loop outlive it. The resolver should not remember for longer than a TTL says.
  SpfBook(Resolver& resolver, Loop& loop, Change on_change);

  // From now on these; what is known of them stays known.
  void follow(const std::vector<std::string>& domains);
  // Shared by all sessions that began while nothing changed. By any thread.
  std::shared_ptr<const SpfTable> table() const { return table_.get(); }

 private:
  struct Page {
    std::string domain;
    std::unique_ptr<SpfQuery> query;  // null: none under way
    TimePoint due{};
    TimePoint good_until{};  // of what stands in the table, while the servers do not answer
    std::string trouble;
  };

  void tick();
  void look_up(Page& page);
  void on_outcome(Page& page, const SpfOutcome& outcome);
  void put(const std::string& domain, const SpfNetworks* networks);

  Resolver& resolver_;
  Loop& loop_;
  Change on_change_;
  std::list<Page> pages_;  // their addresses stay
  Published<SpfTable> table_;
  std::shared_ptr<const void> ticking_;  // posted tasks look at it; null before the first
};

}  // namespace smtpguard::dns
