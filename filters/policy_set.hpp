// PolicySet — all policies of the site by name, and which of them a recipient has chosen.
// Owns: the policies.   Called by: Judge, service/settings.   Fails: never; a recipient that stands
// in two policies is a configuration error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "filters/policy.hpp"
#include "filters/recipients.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::filters {

struct NamedPolicy {
  std::string name;
  Policy policy;
  RecipientPatterns recipients;  // whose mail this policy judges, whichever listener it came by
};

class PolicySet {
 public:
  void add(NamedPolicy policy) { policies_.push_back(std::move(policy)); }
  // Recipients that are always reached, beside postmaster and abuse.
  void set_exempt(RecipientPatterns exempt) { exempt_ = std::move(exempt); }

  // nullptr: there is none.
  const NamedPolicy* find(std::string_view name) const;
  // The recipient's own, an address before its domain; else the listener's.
  const NamedPolicy& choose(const NamedPolicy& of_listener, const Mailbox& recipient) const;
  bool is_exempt(const Mailbox& recipient) const;
  // Whether a recipient may have another policy than the listener.
  bool has_choice() const;
  const std::vector<NamedPolicy>& all() const { return policies_; }

 private:
  std::vector<NamedPolicy> policies_;
  RecipientPatterns exempt_;
};

}  // namespace smtpguard::filters
