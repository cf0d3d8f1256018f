// ListWatch — asks each DNS list for its test entries, looks how it answers real questions, and
// tells when one does not do its work.
// Owns: what came of it; the questions under way; the counters.   Called by: Worker (one each), in
// the thread that made it; Session, Lobby and ListMeter of any event loop.
// Fails: never. A list that was not tested yet, that fails, that is silent twice in a row, or that
// fails every second question does not count until a test says that it works: it would refuse
// everybody, let everybody through, or make every client wait. A slow one counts, but nobody waits
// for it. RFC 5782 5. IPv4 and IPv6 entries of one list are told apart. One line per list and hour
// in the log of the daemon, and another when it has come back:
//
//   list_trouble zone=bl.example label=bl.example trouble="..." remedy="..."
//   list_works zone=bl.example label=bl.example
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "conf/base/log.hpp"
#include "conf/base/published.hpp"
#include "dns/list_breaker.hpp"
#include "dns/list_health.hpp"
#include "dns/loop.hpp"
#include "dns/resolver.hpp"
#include "filters/dns_lists.hpp"
#include "proxy/session/list_stats.hpp"

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

  // By any thread: how they are now, and what came of it.
  std::shared_ptr<const dns::ListHealth> health() const { return health_.get(); }
  // What came of a question about a client.
  void on_answer(const std::string& zone, const dns::Answer& answer, Milliseconds took);
  // A list gave a session an error, or no answer: tested again at once, unless that has just been.
  void on_trouble(std::string_view label, std::string_view what);
  void on_session_end(const filters::Verdict& verdict) { stats_.note_session(verdict); }

  // How one list is, for people.
  struct Glance {
    const filters::DnsList& list;
    std::string_view state;  // "works", "slow", "out", "untested"
    std::string trouble;     // empty: none
    std::string_view remedy;
    std::optional<Milliseconds> since;  // for how long it is in this trouble
    ListCounts counts;
  };
  std::vector<Glance> glance() const;
  // That have ended since start.
  std::uint64_t sessions() const { return stats_.sessions(); }

 private:
  // The entries of one kind, and what was answered so far.
  struct Probe {
    dns::EntryKind kind = dns::EntryKind::Ipv4;
    std::optional<dns::Answer> presence{};
    std::optional<dns::Answer> absence{};
    dns::LookupHandle presence_asked{};
    dns::LookupHandle absence_asked{};
  };
  // What is known of a list, a new configuration or not.
  struct State {
    std::array<bool, 3> is_known{};  // by kind of entry: a test has had a result
    std::array<int, 3> silences{};   // tests in a row that had none
    dns::ListBreaker breaker{};
    bool is_tripped = false;  // it fails too often: only tests are asked of it
    Milliseconds pause{0};    // until the next test of a tripped one
    std::optional<TimePoint> came_back_at{};
    TimePoint due{};
    std::optional<TimePoint> tested_at{};
    std::optional<TimePoint> told_at{};
    bool is_told = false;          // that it is in trouble, and not yet that it works
    bool is_told_of_ipv6 = false;  // and of that alone
    std::string trouble{};         // as it was found last
    std::string_view remedy{};
    std::optional<TimePoint> troubled_since{};
  };
  struct Watched {
    filters::DnsList list;
    State state{};
    std::vector<Probe> probes{};  // none: it has no test entries
    // Of a tripped list: a question that no cache on the way can answer.
    std::optional<dns::Answer> sign_of_life{};
    dns::LookupHandle sign_asked{};
    bool is_under_test = false;
    std::string reported{};  // by a session, and not yet told
  };

  bool is_at_home() const { return std::this_thread::get_id() == home_; }
  void note_answer(const std::string& zone, const dns::Answer& answer, Milliseconds took);
  void note_trouble(std::string_view label, std::string_view what);
  Watched* find(std::string_view zone);
  void tick();
  void test(Watched& watched);
  void ask(Watched& watched, std::string name, std::optional<dns::Answer>& answer,
           dns::LookupHandle& handle);
  std::string unknown_entry(const filters::DnsList& list);
  void conclude_if_all_answered(Watched& watched);
  void conclude(Watched& watched);
  dns::SelfTest judge(Watched& watched, const Probe& probe);
  void trip(Watched& watched, std::string_view why);
  void look_at_pace(Watched& watched);
  void mark(const Watched& watched, dns::EntryKind kind, const std::string& trouble);
  void mark_all(const Watched& watched, const std::string& trouble);
  void mark_slow(const Watched& watched, bool is_slow);
  void set_trouble(State& state, std::string trouble, std::string_view remedy);
  void tell_trouble(Watched& watched, std::string_view trouble, std::string_view remedy);
  void tell_works(Watched& watched);

  dns::Resolver& resolver_;
  dns::Loop& loop_;
  Log& daemon_;
  ListStats stats_;
  std::mt19937 random_{std::random_device{}()};
  Published<dns::ListHealth> health_;
  std::vector<std::unique_ptr<Watched>> lists_;  // at one address: look-ups refer to them
  // What the loop holds of us finds out by this that we are gone; null: nothing is held.
  std::shared_ptr<const void> ticking_;
  const std::thread::id home_ = std::this_thread::get_id();
};

}  // namespace smtpguard::session
