#include "proxy/session/list_stats.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "conf/base/text.hpp"

namespace smtpguard::session {
namespace {

constexpr std::string_view kPrefix = "dnsbl.";
constexpr std::string_view kOfSender = ".sender";

}  // namespace

std::string_view list_label(std::string_view name) {
  if (!name.starts_with(kPrefix)) {
    return {};
  }
  name.remove_prefix(kPrefix.size());
  if (name.ends_with(kOfSender)) {
    name.remove_suffix(kOfSender.size());
  }
  return name;
}

std::uint64_t ListCounts::answers() const {
  return std::accumulate(latency.begin(), latency.end(), std::uint64_t{0});
}

Milliseconds ListCounts::quantile(unsigned percent) const {
  const std::uint64_t wanted = (answers() * percent + 99) / 100;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kEnds.size() && wanted > 0; ++i) {
    seen += latency.at(i);
    if (seen >= wanted) {
      return std::min(Milliseconds(kEnds.at(i)), longest);
    }
  }
  return longest;
}

void ListStats::watch(std::vector<Watched> lists) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, ListCounts> counts;
  for (const Watched& one : lists) {
    counts[one.label] = counts_[one.label];
  }
  lists_ = std::move(lists);
  counts_ = std::move(counts);
}

const ListStats::Watched* ListStats::find(std::string_view label) const {
  const auto found = std::find_if(lists_.begin(), lists_.end(), [&](const Watched& one) {
    return equals_ignoring_case(one.label, label);
  });
  return found == lists_.end() ? nullptr : &*found;
}

void ListStats::note_answer(const std::string& label, const dns::Answer& answer, bool is_error_code,
                            Milliseconds took) {
  const std::lock_guard lock(mutex_);
  ListCounts& counts = counts_[label];
  ++counts.questions;
  switch (answer.outcome) {
    case dns::Outcome::Timeout:
      ++counts.timeouts;
      return;
    case dns::Outcome::Refused:
      ++counts.refusals;
      return;
    case dns::Outcome::ServerFailure:
    case dns::Outcome::Malformed:
    case dns::Outcome::NotAsked:
      ++counts.failures;
      return;
    case dns::Outcome::Found:
    case dns::Outcome::NoSuchName:
    case dns::Outcome::NoData:
      break;
  }
  counts.error_codes += is_error_code ? 1U : 0U;
  const auto* const end =
      std::lower_bound(ListCounts::kEnds.begin(), ListCounts::kEnds.end(), took.count());
  ++counts.latency.at(static_cast<std::size_t>(end - ListCounts::kEnds.begin()));
  counts.longest = std::max(counts.longest, took);
}

void ListStats::note_session(const filters::Verdict& verdict) {
  const std::lock_guard lock(mutex_);
  ++sessions_;
  std::set<const Watched*> hits;
  for (const auto* reasons : {&verdict.counted, &verdict.observed}) {
    for (const filters::Reason& reason : *reasons) {
      if (const Watched* list = find(list_label(reason.name))) {
        hits.insert(list);
      }
    }
  }
  for (const Watched* list : hits) {
    ListCounts& counts = counts_[list->label];
    ++counts.hits;
    bool is_alone = true;
    for (const Watched* other : hits) {
      if (other != list) {
        ++counts.with[other->label];
        is_alone = is_alone && other->is_allow != list->is_allow;
      }
    }
    counts.alone += is_alone ? 1U : 0U;
  }
}

ListCounts ListStats::of(const std::string& label) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(label);
  return found == counts_.end() ? ListCounts() : found->second;
}

std::uint64_t ListStats::sessions() const {
  const std::lock_guard lock(mutex_);
  return sessions_;
}

}  // namespace smtpguard::session
