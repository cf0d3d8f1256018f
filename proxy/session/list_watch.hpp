// ListWatch — asks each DNS list for its test entries, and tells when one does not do its work.
// Owns: what came of it; the questions under way.   Called by: Worker (one each), Session.
// Fails: never. A list that was not tested yet, that fails, or that is silent twice in a row, does
// not count until a test says that it works: it would refuse everybody, let everybody through, or
// make every client wait. RFC 5782 5. One line per list and hour in the log of the daemon:
//
//   list_trouble zone=bl.example label=bl.example trouble="..." remedy="..."
//   list_works zone=bl.example label=bl.example
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/log.hpp"
#include "dns/list_health.hpp"
#include "dns/loop.hpp"
#include "dns/resolver.hpp"
#include "filters/dns_lists.hpp"

namespace smtpguard::session {

class ListWatch {
 public:
  // All outlive it. The resolver should remember nothing: what was true an hour ago is not asked.
  ListWatch(dns::Resolver& resolver, dns::Loop& loop, Log& daemon)
      : resolver_(resolver), loop_(loop), daemon_(daemon) {}
  ListWatch(const ListWatch&) = delete;
  ListWatch& operator=(const ListWatch&) = delete;
  ~ListWatch() = default;

  // From now on these; of those that were watched before it is known how they are.
  void watch(const std::vector<filters::DnsList>& lists);

  // As it is now; whoever holds it sees no change.
  const std::shared_ptr<const dns::ListHealth>& health() const { return health_; }
  // A list gave a session an error, or no answer: tested again at once, unless that has just been.
  void on_trouble(std::string_view label, std::string_view what);

 private:
  struct Watched {
    filters::DnsList list;
    std::optional<dns::Answer> presence;
    std::optional<dns::Answer> absence;
    dns::LookupHandle presence_asked;
    dns::LookupHandle absence_asked;
    bool is_under_test = false;
    bool is_known = false;  // a test has had a result
    int silences = 0;       // tests in a row that had none
    TimePoint due{};
    std::optional<TimePoint> tested_at;
    std::optional<TimePoint> told_at;
    bool is_told = false;  // that it is in trouble, and not yet that it works
    std::string reported;  // by a session, and not yet told
  };

  Watched* find(std::string_view zone);
  void tick();
  void test(Watched& watched);
  void on_answer(Watched& watched);
  void mark(const Watched& watched, const std::string& trouble);
  void tell_trouble(Watched& watched, std::string_view trouble, std::string_view remedy);
  void tell_works(Watched& watched);

  dns::Resolver& resolver_;
  dns::Loop& loop_;
  Log& daemon_;
  std::shared_ptr<const dns::ListHealth> health_ = std::make_shared<const dns::ListHealth>();
  std::vector<std::unique_ptr<Watched>> lists_;  // at one address: look-ups refer to them
  // What the loop holds of us finds out by this that we are gone; null: nothing is held.
  std::shared_ptr<const void> ticking_;
};

}  // namespace smtpguard::session
