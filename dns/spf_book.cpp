#include "dns/spf_book.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace smtpguard::dns {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kTick = 5s;
constexpr std::chrono::seconds kSoonest = 5min;
constexpr std::chrono::seconds kLatest = 24h;
constexpr Milliseconds kAgain = 60s;         // after a server did not answer
constexpr Milliseconds kAgainIfBad = 10min;  // after a record was no good
constexpr Milliseconds kStale = 24h;

}  // namespace

SpfQuery::SpfQuery(Resolver& resolver, std::string domain, Sink sink)
    : resolver_(resolver), walk_(std::move(domain)), sink_(std::move(sink)) {
  ask();
}

void SpfQuery::ask() {
  handles_.clear();
  for (const Question& question : walk_.questions()) {
    handles_.push_back(resolver_.ask(
        question, [this, question](const Answer& answer) { on_answer(question, answer); }));
  }
}

void SpfQuery::on_answer(const Question& question, const Answer& answer) {
  walk_.answer(question, answer);
  const bool is_stage_over =
      std::none_of(handles_.begin(), handles_.end(),
                   [](const LookupHandle& handle) { return handle.is_open(); });
  if (!is_stage_over) {
    return;
  }
  if (!walk_.questions().empty()) {
    return ask();
  }
  const SpfOutcome outcome = walk_.outcome();
  const Sink sink = std::exchange(sink_, nullptr);
  sink(outcome);  // may be the end of this
}

SpfBook::SpfBook(Resolver& resolver, Loop& loop, Change on_change)
    : resolver_(resolver), loop_(loop), on_change_(std::move(on_change)) {}

void SpfBook::follow(const std::vector<std::string>& domains) {
  const auto is_wanted = [&](const std::string& domain) {
    return std::find(domains.begin(), domains.end(), domain) != domains.end();
  };
  for (const Page& page : pages_) {
    if (!is_wanted(page.domain)) {
      put(page.domain, nullptr);
    }
  }
  pages_.remove_if([&](const Page& page) { return !is_wanted(page.domain); });
  for (const std::string& domain : domains) {
    const bool is_known = std::any_of(pages_.begin(), pages_.end(),
                                      [&](const Page& page) { return page.domain == domain; });
    if (!is_known) {
      Page page;
      page.domain = domain;
      pages_.push_back(std::move(page));
      look_up(pages_.back());
    }
  }
  if (!pages_.empty() && ticking_ == nullptr) {
    ticking_ = std::make_shared<char>();
    tick();
  }
}

void SpfBook::tick() {
  for (Page& page : pages_) {
    if (page.query == nullptr && page.due <= loop_.now()) {
      look_up(page);
    }
  }
  loop_.call_after(kTick, [this, alive = std::weak_ptr(ticking_)] {
    if (!alive.expired()) {
      tick();
    }
  });
}

void SpfBook::look_up(Page& page) {
  page.query = std::make_unique<SpfQuery>(
      resolver_, page.domain,
      [this, &page](const SpfOutcome& outcome) { on_outcome(page, outcome); });
}

void SpfBook::on_outcome(Page& page, const SpfOutcome& outcome) {
  const auto ended = std::move(page.query);  // it goes when this returns
  const TimePoint now = loop_.now();
  if (outcome.trouble.empty()) {
    const auto ttl = std::clamp(outcome.ttl, kSoonest, kLatest);
    page.due = now + ttl;
    page.good_until = page.due + kStale;
    put(page.domain, &outcome.networks);
  } else {
    page.due = now + (outcome.is_temporary ? kAgain : kAgainIfBad);
    if (!outcome.is_temporary || page.good_until <= now) {
      put(page.domain, nullptr);
    }
  }
  if (page.trouble != outcome.trouble) {
    page.trouble = outcome.trouble;
    on_change_(page.domain, page.trouble);
  }
}

// Null: it exempts nobody.
void SpfBook::put(const std::string& domain, const SpfNetworks* networks) {
  const std::shared_ptr<const SpfTable> before = table_.get();
  if (networks == nullptr && before->count(domain) == 0) {
    return;
  }
  auto changed = std::make_shared<SpfTable>(*before);
  changed->erase(domain);
  if (networks != nullptr) {
    changed->emplace(domain, *networks);
  }
  table_.set(std::move(changed));
}

}  // namespace smtpguard::dns
