// Judge — the verdicts of one session, in their order: what was refused once stays refused.
// Owns: the refusals that were given.   Called by: Session, transcripts, smtpguardctl test.
// Fails: never. So a live session and a dry run cannot come to different verdicts.
#pragma once

#include <utility>
#include <vector>

#include "filters/rulebook.hpp"

namespace smtpguard::filters {

class Judge {
 public:
  // Both outlive it.
  Judge(const Rulebook& rules, const NamedPolicy& of_listener)
      : rules_(rules), of_listener_(of_listener) {}

  // Of the client alone, as if every open answer were in its favour: what is refused here is
  // refused whatever comes. Such a client is condemned: its MAIL costs no backend connection.
  Verdict of_client(const SessionFacts& facts) const;
  // Whether the verdict on the client could be Drop or Discard; cheap, unlike the verdict.
  bool may_drop(const SessionFacts& facts) const;
  // Refused for its conduct, by a test that refuses alone: no answer of the DNS would change that,
  // so none is asked for. A storm of early talkers costs no look-ups.
  bool is_past_saving(const SessionFacts& facts) const;
  // Whether answers that are still open could turn a refusal of facts.recipient into something
  // better: then they are worth waiting for, slow or not.
  bool may_be_saved(const SessionFacts& facts) const;
  // Whether it is refused for what it is and does, whoever the sender and the recipient may be.
  bool is_condemned(const SessionFacts& facts) const;
  // Of facts.recipient, by its own policy; open answers count for nothing. A refusal of the client
  // is repeated to every later recipient of the same policy, whatever has changed since.
  Verdict of_recipient(const SessionFacts& facts);

 private:
  const Rulebook& rules_;
  const NamedPolicy& of_listener_;
  std::vector<std::pair<const NamedPolicy*, Verdict>> refusals_;
};

}  // namespace smtpguard::filters
