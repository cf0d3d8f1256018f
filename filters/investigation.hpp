// Investigation — asks the DNS what the chain wants to know of one session, round by round.
// Owns: the look-ups under way, which end with it.   Called by: Lobby and Session, smtpguardctl.
// Fails: never; what is not answered in time is answered with Timeout, which is no evidence.
// No timer of its own: the owner, who waits anyway, calls look() when its time is up.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "conf/base/clock.hpp"
#include "dns/resolver.hpp"
#include "filters/chain.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::filters {

class Investigation {
 public:
  // Chain, facts and resolver outlive it.
  Investigation(const Chain& chain, SessionFacts& facts, dns::Resolver& resolver,
                Milliseconds budget)
      : chain_(chain), facts_(facts), resolver_(resolver), budget_(budget) {}
  Investigation(const Investigation&) = delete;
  Investigation& operator=(const Investigation&) = delete;
  ~Investigation() = default;

  // A question was answered, and what follows from it was asked; called from the event loop, never
  // inside pursue() or look().
  enum class News : std::uint8_t {
    Answer,
    Complete,  // and with it there is something to go on with: see is_complete()
  };
  void call_with_news(std::function<void(News)> on_news) { on_news_ = std::move(on_news); }

  // The facts have changed (a client, a HELO, a sender): asks what follows from them. These
  // questions, and what follows from their answers, have until `now` + budget; those of an earlier
  // stage keep their own deadline.
  void pursue(TimePoint now);
  // What is past its deadline counts as not answered.
  void look(TimePoint now);
  // Everything that is waited for is answered; slow DNS lists are not waited for.
  bool is_complete() const { return awaited_ == 0; }
  bool is_all_answered() const { return facts_.dns.open() == 0; }
  // When look() has something to do: the earliest deadline of what is open.
  TimePoint deadline() const;

 private:
  struct Asked {
    dns::Question question;
    TimePoint deadline;
    dns::LookupHandle handle;
    bool is_awaited = true;
  };

  void ask_what_follows(TimePoint deadline);
  void on_answer(const dns::Question& question, const dns::Answer& answer, TimePoint deadline,
                 bool is_awaited);
  void forget_if_all_answered();

  const Chain& chain_;
  SessionFacts& facts_;
  dns::Resolver& resolver_;
  Milliseconds budget_;
  std::function<void(News)> on_news_;
  std::vector<Asked> asked_;  // empty when all is answered
  std::size_t awaited_ = 0;   // of these, that are open
};

}  // namespace smtpguard::filters
