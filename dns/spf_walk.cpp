#include "dns/spf_walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "conf/base/escape.hpp"
#include "dns/message.hpp"
#include "dns/spf.hpp"

namespace smtpguard::dns {
namespace {

using Kind = SpfTerm::Kind;

// Wider networks belong to nobody who sends mail.
constexpr int kShortest4 = 8;
constexpr int kShortest6 = 16;

bool is_too_wide(const Cidr& network) {
  return network.length < (network.network.is_v4() ? kShortest4 : kShortest6);
}

}  // namespace

class SpfWalk::Pass {
 public:
  explicit Pass(const SpfWalk& walk) : walk_(walk) {}

  SpfOutcome run() {
    SpfOutcome outcome;
    outcome.networks = networks_of(walk_.domain_);
    outcome.trouble = std::move(trouble_);
    outcome.is_temporary = is_temporary_;
    outcome.ttl = ttl_.value_or(std::chrono::seconds(0));
    return outcome;
  }
  std::vector<Question> take_questions() { return std::move(questions_); }

 private:
  bool is_over() const { return !trouble_.empty(); }

  void fail(std::string trouble) {
    if (trouble_.empty()) {
      trouble_ = std::move(trouble);
    }
  }

  // Null: it is asked now, or there is trouble.
  const Answer* ask(const std::string& name, RecordType type) {
    const Question question = canonical({name, type});
    const auto known =
        std::find_if(walk_.answers_.begin(), walk_.answers_.end(),
                     [&](const auto& answered) { return answered.first == question; });
    if (known == walk_.answers_.end()) {
      if (std::find(questions_.begin(), questions_.end(), question) == questions_.end()) {
        questions_.push_back(question);
      }
      return nullptr;
    }
    const Answer& answer = known->second;
    if (is_trouble(answer.outcome)) {
      if (!is_over()) {
        is_temporary_ = true;
      }
      fail(fmt::format("{}: {}", to_string(question), to_string(answer.outcome)));
      return nullptr;
    }
    ttl_ = std::min(ttl_.value_or(answer.ttl), answer.ttl);
    return &answer;
  }

  bool may_look_up() {
    if (++lookups_ > kMostSpfLookups) {
      fail(fmt::format("its SPF record needs more than {} look-ups", kMostSpfLookups));
      return false;
    }
    return true;
  }

  SpfNetworks networks_of(const std::string& domain) {
    SpfNetworks networks;
    const Answer* const answer = ask(domain, RecordType::TXT);
    if (answer == nullptr) {
      return networks;
    }
    std::vector<std::string> records;
    std::copy_if(answer->texts().begin(), answer->texts().end(), std::back_inserter(records),
                 is_spf);
    if (records.size() != 1) {
      fail(fmt::format("{} has {} SPF record", escape(domain),
                       records.empty() ? "no" : "more than one"));
      return networks;
    }
    if (records.front().size() >= kMostTextKept) {
      fail(fmt::format("the SPF record of {} is too long", escape(domain)));
      return networks;
    }
    const auto record = parse_spf(records.front());
    if (!record) {
      fail(fmt::format("{}: {}", escape(domain), record.error().text));
      return networks;
    }
    follow(*record, domain, networks);
    return networks;
  }

  void follow(const SpfRecord& record, const std::string& domain, SpfNetworks& networks) {
    std::vector<Cidr> gathered;
    bool passes = true;
    const auto flush = [&] { networks.add(passes, CidrSet(std::exchange(gathered, {}))); };
    for (const SpfTerm& term : record.terms) {
      if (is_over()) {
        return;
      }
      if (term.kind == Kind::All && term.passes) {
        return fail(fmt::format("{} lets everybody send (+all)", escape(domain)));
      }
      // Whom an unknowable term leaves out is not known, so nothing behind it counts.
      if (term.kind == Kind::All || (term.kind == Kind::Unknowable && !term.passes)) {
        return flush();
      }
      if (term.passes != passes || term.kind == Kind::Include) {
        flush();
        passes = term.passes;
      }
      if (term.kind == Kind::Include) {
        if (may_look_up()) {
          networks.add(term.passes, networks_of(term.domain));
        }
      } else {
        gather(term, domain, gathered);
      }
    }
    flush();
    if (!record.redirect.empty() && !is_over() && may_look_up()) {
      networks.add(true, networks_of(record.redirect));
    }
  }

  void gather(const SpfTerm& term, const std::string& domain, std::vector<Cidr>& gathered) {
    const std::string& host = term.domain.empty() ? domain : term.domain;
    switch (term.kind) {
      case Kind::Network:
        return add(term.network, term.passes, gathered);
      case Kind::Address:
        return may_look_up() ? gather_host(host, term, gathered) : void();
      case Kind::Exchangers:
        return may_look_up() ? gather_exchangers(host, term, gathered) : void();
      case Kind::All:
      case Kind::Include:
      case Kind::Unknowable:
        break;
    }
  }

  void gather_exchangers(const std::string& domain, const SpfTerm& term,
                         std::vector<Cidr>& gathered) {
    const Answer* const answer = ask(domain, RecordType::MX);
    if (answer == nullptr) {
      return;
    }
    const std::size_t count = std::min(answer->exchangers().size(), kMostSpfExchangers);
    for (std::size_t i = 0; i < count; ++i) {
      if (!answer->exchangers()[i].host.empty()) {
        gather_host(answer->exchangers()[i].host, term, gathered);
      }
    }
  }

  void gather_host(const std::string& host, const SpfTerm& term, std::vector<Cidr>& gathered) {
    for (const RecordType type : {RecordType::A, RecordType::AAAA}) {
      const Answer* const answer = ask(host, type);
      if (answer == nullptr) {
        continue;
      }
      for (const IpAddress& address : answer->addresses()) {
        const int length = address.is_v4() ? term.length4 : term.length6;
        add({address.prefix(length), length}, term.passes, gathered);
      }
    }
  }

  void add(const Cidr& network, bool passes, std::vector<Cidr>& gathered) {
    if (passes && is_too_wide(network)) {
      return fail("its SPF record names " + network.to_string() + ", which is too much");
    }
    gathered.push_back(network);
  }

  const SpfWalk& walk_;
  std::vector<Question> questions_;
  std::string trouble_;
  bool is_temporary_ = false;
  std::optional<std::chrono::seconds> ttl_;
  int lookups_ = 0;
};

SpfWalk::SpfWalk(std::string domain) : domain_(std::move(domain)) {
  walk();
}

void SpfWalk::answer(const Question& question, const Answer& answer) {
  const auto asked = std::find(questions_.begin(), questions_.end(), question);
  if (asked == questions_.end()) {
    return;
  }
  answers_.emplace_back(question, answer);
  questions_.erase(asked);
  // What is asked already stays asked: the questions of one stage go out together.
  if (questions_.empty()) {
    walk();
  }
}

void SpfWalk::walk() {
  Pass pass(*this);
  outcome_ = pass.run();
  questions_ = pass.take_questions();
  if (!outcome_.trouble.empty()) {
    questions_.clear();
    outcome_.networks = {};
  }
}

}  // namespace smtpguard::dns
