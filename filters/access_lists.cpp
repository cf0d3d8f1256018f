// How the administrator's lists are searched.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "filters/access.hpp"
#include "filters/reverse.hpp"

namespace smtpguard::filters {
namespace {

struct Named {
  Access access;
  AccessList AccessSettings::*list;
};
// Of equals the first decides.
constexpr std::array kDeciding{
    Named{Access::Deny, &AccessSettings::deny},
    Named{Access::Discard, &AccessSettings::discard},
    Named{Access::Observe, &AccessSettings::observe},
    Named{Access::Allow, &AccessSettings::allow},
};

// An entry, and how much it says: more for fewer.
struct Match {
  std::size_t weight = 0;  // 0: none
  std::string entry;
};

Match match_name(std::string_view kind, const NamePatterns& patterns, std::string_view name) {
  const std::string_view entry = patterns.find(name);
  if (entry.empty()) {
    return {};
  }
  constexpr std::size_t kItself = 1000;
  return {entry.starts_with('.') ? entry.size() : kItself,
          std::string(kind) + ':' + std::string(entry)};
}

// All weigh the same: the networks are not the administrator's own, nor is their size.
Match match_spf(const std::vector<std::string>& domains, const IpAddress& client,
                const dns::SpfTable& published) {
  for (const std::string& domain : domains) {
    const auto networks = published.find(domain);
    if (networks != published.end() && networks->second.contains(client)) {
      return {1, "spf:" + domain};
    }
  }
  return {};
}

// Like published networks, all weigh the same.
Match match_origin(const std::vector<std::uint32_t>& systems, const Origin& origin) {
  for (const std::uint32_t number : origin.numbers) {
    if (std::binary_search(systems.begin(), systems.end(), number)) {
      return {1, "asn:" + std::to_string(number)};
    }
  }
  return {};
}

// Of several names the one that says most.
Match match_names(const NamePatterns& patterns, const std::vector<std::string>& names) {
  Match best;
  for (const std::string& name : names) {
    Match match = match_name("ptr", patterns, name);
    if (match.weight > best.weight) {
      best = std::move(match);
    }
  }
  return best;
}

Match match_mailbox(std::string_view kind, const RecipientPatterns& patterns,
                    const Mailbox& mailbox) {
  const std::string shown = std::string(kind) + ':' + mailbox.address();
  if (patterns.has_address(mailbox.local_part, mailbox.domain)) {
    return {2, shown};
  }
  return patterns.has_domain(mailbox.domain) ? Match{1, shown} : Match{};
}

bool is_null(const Mailbox& mailbox) {
  return mailbox.local_part.empty() && mailbox.domain.empty();
}

Match match_sender(const AccessList& list, const Mailbox& sender) {
  if (is_null(sender)) {
    return list.has_null_sender ? Match{2, "from:<>"} : Match{};
  }
  return match_mailbox("from", list.from, sender);
}

template <typename Find>
AccessAnswer decide(const AccessSettings& lists, const Find& find) {
  AccessAnswer answer;
  std::size_t best = 0;
  for (const auto& [access, list] : kDeciding) {
    Match match = find(lists.*list);
    if (match.weight > best) {
      best = match.weight;
      answer = {access, std::move(match.entry)};
    }
  }
  return answer;
}

bool knows_names(const AccessSettings& lists) {
  for (const auto& [access, list] : kDeciding) {
    if (!(lists.*list).ptr.empty()) {
      return true;
    }
  }
  return false;
}

bool knows_systems(const AccessSettings& lists) {
  return std::any_of(kDeciding.begin(), kDeciding.end(),
                     [&](const Named& named) { return !(lists.*named.list).systems.empty(); });
}

// The name of our own networks is never looked up.
bool is_looked_up(Standing standing) {
  return standing == Standing::Stranger || standing == Standing::Trusted;
}

}  // namespace

std::string_view to_string(Access access) {
  switch (access) {
    case Access::Allow:
      return "allow";
    case Access::Observe:
      return "observe";
    case Access::Discard:
      return "discard";
    case Access::Deny:
      return "deny";
    case Access::Unlisted:
      break;
  }
  return "";
}

std::vector<std::string> AccessSettings::spf_domains() const {
  std::vector<std::string> domains;
  for (const AccessList* list : {&allow, &observe, &discard, &deny, &quiet}) {
    domains.insert(domains.end(), list->spf.begin(), list->spf.end());
  }
  std::sort(domains.begin(), domains.end());
  domains.erase(std::unique(domains.begin(), domains.end()), domains.end());
  return domains;
}

bool AccessSettings::may_spare_by_dns() const {
  const std::array sparing{&allow, &observe, &discard};
  return std::any_of(sparing.begin(), sparing.end(), [](const AccessList* list) {
    return !list->ptr.empty() || !list->systems.empty();
  });
}

AccessAnswer look_up(const AccessSettings& lists, const IpAddress& client,
                     const dns::SpfTable* spf) {
  AccessAnswer answer = decide(lists, [&](const AccessList& list) {
    const auto found = list.networks.find(client);
    return found ? Match{static_cast<std::size_t>(found->length) + 1, found->to_string()} : Match{};
  });
  if (answer.access == Access::Unlisted && spf != nullptr) {
    answer =
        decide(lists, [&](const AccessList& list) { return match_spf(list.spf, client, *spf); });
  }
  if (answer.access == Access::Unlisted && knows_systems(lists)) {
    const Origin origin = origin_of(lists.origins.get(), client);
    answer =
        decide(lists, [&](const AccessList& list) { return match_origin(list.systems, origin); });
  }
  return answer;
}

ClientAccess look_up_client(const AccessSettings& lists, const SessionFacts& facts) {
  ClientAccess result{look_up(lists, facts.client.address, facts.spf.get())};
  if (result.answer.access != Access::Unlisted) {
    return result;
  }
  if (knows_systems(lists)) {
    const Origin origin = origin_of(lists.origins.get(), facts);
    if (origin.state == Origin::State::Open) {
      result.is_open = true;
      return result;
    }
    result.answer =
        decide(lists, [&](const AccessList& list) { return match_origin(list.systems, origin); });
    if (result.answer.access != Access::Unlisted) {
      return result;
    }
    result.is_unknown = origin.state == Origin::State::Unknown && is_looked_up(facts.standing);
  }
  if (knows_names(lists) && is_looked_up(facts.standing)) {
    if (!reverse_of(facts)) {
      result.is_open = true;
      return result;
    }
    const ReverseNames names = reverse_names_of(facts);
    result.answer = decide(
        lists, [&](const AccessList& list) { return match_names(list.ptr, names.confirmed); });
    if (result.answer.access != Access::Unlisted) {
      return result;
    }
    result.is_unknown = result.is_unknown || !names.is_complete;
  }
  result.answer = decide(
      lists, [&](const AccessList& list) { return match_name("helo", list.helo, facts.helo); });
  return result;
}

AccessAnswer look_up_sender(const AccessSettings& lists, const Mailbox& sender) {
  return decide(lists, [&](const AccessList& list) { return match_sender(list, sender); });
}

AccessAnswer look_up_recipient(const AccessSettings& lists, const Mailbox& recipient) {
  return decide(lists,
                [&](const AccessList& list) { return match_mailbox("to", list.to, recipient); });
}

bool is_quiet(const AccessSettings& lists, const SessionFacts& facts) {
  const AccessList& quiet = lists.quiet;
  if (quiet.networks.contains(facts.client.address) || !quiet.helo.find(facts.helo).empty()) {
    return true;
  }
  if (facts.spf && match_spf(quiet.spf, facts.client.address, *facts.spf).weight != 0) {
    return true;
  }
  if (!quiet.systems.empty() &&
      match_origin(quiet.systems, origin_of(lists.origins.get(), facts)).weight != 0) {
    return true;
  }
  if (!quiet.ptr.empty() && match_names(quiet.ptr, reverse_names_of(facts).confirmed).weight != 0) {
    return true;
  }
  return (facts.sender && match_sender(quiet, *facts.sender).weight != 0) ||
         (facts.recipient && match_mailbox("to", quiet.to, *facts.recipient).weight != 0);
}

}  // namespace smtpguard::filters
