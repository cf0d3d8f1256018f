#include "proxy/session/list_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "conf/base/log_line.hpp"
#include "conf/base/text.hpp"
#include "dns/reverse_name.hpp"

namespace smtpguard::session {

namespace {

using namespace std::chrono_literals;
using dns::EntryKind;
using Result = dns::SelfTest::Result;

// Of a list whose first test has not ended.
constexpr const char* kNotTestedYet = "not tested yet";
constexpr Milliseconds kTick = 5s;
constexpr Milliseconds kTestEvery = 1h;
constexpr Milliseconds kTestBrokenEvery = 60s;
// Often the resolver of this machine is just starting as well.
constexpr Milliseconds kTestUnknownEvery = 10s;
constexpr Milliseconds kTellEvery = 1h;
constexpr int kMostSilences = 2;
// A tripped list is asked again after a while, and later and later if it trips again soon.
constexpr Milliseconds kFirstPause = 10s;
constexpr Milliseconds kLongestPause = 15min;
constexpr Milliseconds kSoon = 10min;

constexpr std::string_view kTrippedRemedy =
    "nobody waits for it until it answers again; see whether your resolver reaches its name "
    "servers";
constexpr std::string_view kSlowRemedy =
    "nobody waits for it; its answers count when they come in time";

std::string line(std::string_view what, const filters::DnsList& list, std::string_view trouble,
                 std::string_view remedy) {
  LogLine words(LogLine::Form::Text);
  words.add("zone", list.shown_zone).add("label", list.label);
  if (!trouble.empty()) {
    words.add("trouble", trouble);
  }
  if (!remedy.empty()) {
    words.add("remedy", remedy);
  }
  return std::string(what) + ' ' + std::move(words).finish();
}

std::size_t index_of(EntryKind kind) {
  return static_cast<std::size_t>(kind);
}

}  // namespace

void ListWatch::watch(const std::vector<filters::DnsList>& lists) {
  std::vector<std::unique_ptr<Watched>> watched;
  std::vector<ListStats::Watched> counted;
  auto health = std::make_shared<dns::ListHealth>();
  const auto former = health_.get();
  for (const filters::DnsList& list : lists) {
    Watched* const before = find(list.zone);
    auto next = std::make_unique<Watched>();
    next->list = list;
    if (before != nullptr) {
      next->state = before->state;
      next->state.due = before->is_under_test ? loop_.now() : before->state.due;
    }
    for (const EntryKind kind : list.entry_kinds()) {
      auto& troubles = kind == EntryKind::Ipv6 ? health->ipv6_troubles : health->troubles;
      const bool is_known = next->state.is_known.at(index_of(kind));
      const std::string* trouble =
          is_known || next->state.is_tripped ? former->trouble_of(list.zone, kind) : nullptr;
      if (trouble != nullptr) {
        troubles[list.zone] = *trouble;
      } else if (list.is_self_tested && !is_known) {
        troubles[list.zone] = kNotTestedYet;
      }
      if (list.is_self_tested) {
        next->probes.push_back({kind});
      }
    }
    if (before != nullptr && former->slow.count(list.zone) != 0) {
      health->slow.insert(list.zone);
    }
    counted.push_back({list.label, list.kind == dns::ListKind::Allow});
    watched.push_back(std::move(next));
  }
  stats_.watch(std::move(counted));
  lists_ = std::move(watched);
  health_.set(std::move(health));
  if (!lists_.empty() && ticking_ == nullptr) {
    ticking_ = std::make_shared<char>();
    tick();
    return;
  }
  for (const auto& one : lists_) {
    const bool is_new = std::any_of(
        one->probes.begin(), one->probes.end(),
        [&](const Probe& probe) { return !one->state.is_known.at(index_of(probe.kind)); });
    if (is_new) {
      test(*one);
    }
  }
}

ListWatch::Watched* ListWatch::find(std::string_view zone) {
  const auto found = std::find_if(lists_.begin(), lists_.end(),
                                  [&](const auto& one) { return one->list.zone == zone; });
  return found == lists_.end() ? nullptr : found->get();
}

void ListWatch::tick() {
  for (const auto& watched : lists_) {
    const bool has_test = !watched->probes.empty() || watched->state.is_tripped;
    if (has_test && watched->state.due <= loop_.now()) {
      test(*watched);
    }
  }
  loop_.call_after(kTick, [this, alive = std::weak_ptr(ticking_)] {
    if (!alive.expired()) {
      tick();
    }
  });
}

void ListWatch::test(Watched& watched) {
  if (std::exchange(watched.is_under_test, true)) {
    return;
  }
  const std::string& zone = watched.list.zone;
  for (Probe& probe : watched.probes) {
    probe.presence.reset();
    probe.absence.reset();
  }
  watched.sign_of_life.reset();
  for (Probe& probe : watched.probes) {
    ask(watched, watched.list.presence_name(probe.kind), probe.presence, probe.presence_asked);
    ask(watched, dns::test_name(probe.kind, zone), probe.absence, probe.absence_asked);
  }
  if (watched.state.is_tripped) {
    ask(watched, unknown_entry(watched.list), watched.sign_of_life, watched.sign_asked);
  }
}

void ListWatch::ask(Watched& watched, std::string name, std::optional<dns::Answer>& answer,
                    dns::LookupHandle& handle) {
  handle = resolver_.ask({std::move(name), dns::RecordType::A},
                         [this, &watched, &answer](const dns::Answer& given) {
                           answer = given;
                           conclude_if_all_answered(watched);
                         });
}

// Test entries may come from the cache of the resolver long after the servers of a list died.
std::string ListWatch::unknown_entry(const filters::DnsList& list) {
  if (list.is_of_names()) {
    return fmt::format("{:08x}.invalid.{}", random_(), list.zone);
  }
  const auto bits = static_cast<std::uint32_t>(random_());
  return fmt::format("{}.{}.{}.127.{}", 3 + bits % 250, 1 + (bits >> 8U) % 250,
                     1 + (bits >> 16U) % 250, list.zone);
}

void ListWatch::conclude_if_all_answered(Watched& watched) {
  const bool is_all = std::all_of(
      watched.probes.begin(), watched.probes.end(),
      [](const Probe& probe) { return probe.presence.has_value() && probe.absence.has_value(); });
  if (is_all && (!watched.state.is_tripped || watched.sign_of_life)) {
    conclude(watched);
  }
}

// One kind of entries; marks what came of it.
dns::SelfTest ListWatch::judge(Watched& watched, const Probe& probe) {
  dns::SelfTest tested = dns::judge_self_test(probe.kind, *probe.presence, *probe.absence,
                                              watched.list.codes, watched.list.kind);
  bool& is_known = watched.state.is_known.at(index_of(probe.kind));
  int& silences = watched.state.silences.at(index_of(probe.kind));
  if (probe.kind == EntryKind::Ipv6 && !tested.trouble.empty()) {
    tested.trouble = "IPv6: " + tested.trouble;
  }
  if (tested.result == Result::Unknown) {
    ++silences;
    if (!is_known || silences >= kMostSilences) {
      mark(watched, probe.kind, tested.trouble);
    }
    return tested;
  }
  is_known = true;
  silences = 0;
  mark(watched, probe.kind, tested.trouble);
  return tested;
}

void ListWatch::conclude(Watched& watched) {
  State& state = watched.state;
  const TimePoint now = loop_.now();
  watched.is_under_test = false;
  state.tested_at = now;
  if (state.is_tripped) {
    const bool is_alive = !is_trouble(watched.sign_of_life->outcome);
    const bool is_silent =
        std::any_of(watched.probes.begin(), watched.probes.end(), [](const Probe& probe) {
          return is_trouble(probe.presence->outcome) || is_trouble(probe.absence->outcome);
        });
    if (!is_alive || is_silent) {
      state.pause = std::min(2 * state.pause, kLongestPause);
      state.due = now + state.pause;
      return;
    }
    state.is_tripped = false;
    state.came_back_at = now;
    state.breaker.reset();
    mark_all(watched, "");
  }
  // The first kind that does not work says most; IPv6 comes last.
  dns::SelfTest worst{Result::Works};
  Milliseconds pause = kTestEvery;
  for (const Probe& probe : watched.probes) {
    dns::SelfTest tested = judge(watched, probe);
    const bool is_extra = &probe != &watched.probes.front();
    if (tested.result == Result::Unknown) {
      const bool is_known = state.is_known.at(index_of(probe.kind));
      pause = std::min(pause, is_known ? kTestBrokenEvery : kTestUnknownEvery);
    } else if (tested.result == Result::Fails && !is_extra) {
      pause = std::min(pause, kTestBrokenEvery);
    }
    if (worst.result == Result::Works) {
      worst = std::move(tested);
    }
  }
  state.due = now + pause;
  const std::string reported = std::exchange(watched.reported, {});
  if (worst.result != Result::Works) {
    set_trouble(state, worst.trouble, worst.remedy);
    const bool is_only_ipv6 = watched.probes.size() > 1 && worst.trouble.starts_with("IPv6: ");
    if (is_only_ipv6 && state.is_told && !state.is_told_of_ipv6) {
      tell_works(watched);
    }
    // That a list has no IPv6 entries does not change from hour to hour.
    if (!is_only_ipv6 || !state.is_told) {
      tell_trouble(watched, worst.trouble, worst.remedy);
      state.is_told_of_ipv6 = is_only_ipv6;
    }
  } else if (!reported.empty()) {
    tell_trouble(watched, reported, "");
  } else if (!state.breaker.is_slow()) {
    set_trouble(state, "", "");
    tell_works(watched);
  }
}

void ListWatch::on_answer(const std::string& zone, const dns::Answer& answer, Milliseconds took) {
  if (!is_at_home()) {
    return loop_.post([this, zone, answer, took] { note_answer(zone, answer, took); });
  }
  note_answer(zone, answer, took);
}

void ListWatch::note_answer(const std::string& zone, const dns::Answer& answer, Milliseconds took) {
  Watched* const watched = find(zone);
  if (watched == nullptr) {
    return;
  }
  const auto judged = dns::judge_list(answer, watched->list.codes, watched->list.kind);
  stats_.note_answer(watched->list.label, answer, judged.kind == dns::ListAnswer::Kind::Error,
                     took);
  // Our own fault says nothing about the list; nor does what was asked before it tripped.
  if (answer.outcome == dns::Outcome::NotAsked || watched->state.is_tripped) {
    return;
  }
  watched->state.breaker.note(loop_.now(), !is_trouble(answer.outcome), took);
  if (watched->state.breaker.is_tripped()) {
    trip(*watched, dns::to_string(answer.outcome));
  } else {
    look_at_pace(*watched);
  }
}

void ListWatch::trip(Watched& watched, std::string_view why) {
  State& state = watched.state;
  const TimePoint now = loop_.now();
  const bool is_again = state.came_back_at && now - *state.came_back_at < kSoon;
  state.pause = is_again ? std::min(2 * state.pause, kLongestPause) : kFirstPause;
  state.is_tripped = true;
  state.due = now + state.pause;
  // A test under way has no question that counts; its answers are let go.
  watched.is_under_test = false;
  for (Probe& probe : watched.probes) {
    probe.presence_asked.drop();
    probe.absence_asked.drop();
  }
  const std::string trouble = fmt::format("{} of its last {} answers did not come ({})",
                                          state.breaker.failures(), state.breaker.questions(), why);
  mark_all(watched, trouble);
  set_trouble(state, trouble, kTrippedRemedy);
  state.told_at.reset();  // more than the single failures that were told of; rare by its pauses
  tell_trouble(watched, trouble, kTrippedRemedy);
}

void ListWatch::look_at_pace(Watched& watched) {
  const bool is_slow = watched.state.breaker.is_slow();
  const auto health = health_.get();
  if (is_slow == (health->slow.count(watched.list.zone) != 0)) {
    return;
  }
  mark_slow(watched, is_slow);
  if (is_slow) {
    const std::string trouble =
        "most of its answers take longer than " + format_duration(dns::ListBreaker::kSlow);
    set_trouble(watched.state, trouble, kSlowRemedy);
    tell_trouble(watched, trouble, kSlowRemedy);
  } else if (health->trouble_of(watched.list.zone) == nullptr) {
    set_trouble(watched.state, "", "");
    tell_works(watched);
  }
}

// Empty: it works.
void ListWatch::mark(const Watched& watched, EntryKind kind, const std::string& trouble) {
  const std::string& zone = watched.list.zone;
  const auto former = health_.get();
  const std::string* before = former->trouble_of(zone, kind);
  const bool is_news =
      trouble.empty() ? before != nullptr : before == nullptr || *before != trouble;
  if (!is_news) {
    return;
  }
  auto changed = std::make_shared<dns::ListHealth>(*former);
  auto& troubles = kind == EntryKind::Ipv6 ? changed->ipv6_troubles : changed->troubles;
  if (trouble.empty()) {
    troubles.erase(zone);
  } else {
    troubles[zone] = trouble;
  }
  health_.set(std::move(changed));
}

void ListWatch::mark_all(const Watched& watched, const std::string& trouble) {
  for (const EntryKind kind : watched.list.entry_kinds()) {
    mark(watched, kind, trouble);
  }
}

void ListWatch::mark_slow(const Watched& watched, bool is_slow) {
  auto changed = std::make_shared<dns::ListHealth>(*health_.get());
  if (is_slow) {
    changed->slow.insert(watched.list.zone);
  } else {
    changed->slow.erase(watched.list.zone);
  }
  health_.set(std::move(changed));
}

void ListWatch::on_trouble(std::string_view label, std::string_view what) {
  if (!is_at_home()) {
    return loop_.post([this, label = std::string(label), what = std::string(what)] {
      note_trouble(label, what);
    });
  }
  note_trouble(label, what);
}

void ListWatch::note_trouble(std::string_view label, std::string_view what) {
  const auto found = std::find_if(lists_.begin(), lists_.end(), [&](const auto& one) {
    return equals_ignoring_case(one->list.label, label);
  });
  if (found == lists_.end() || health_.get()->trouble_of((*found)->list.zone) != nullptr) {
    return;  // told already
  }
  Watched& watched = **found;
  if (what.ends_with(kNotTestedYet) || what.find(": IPv6: ") != std::string_view::npos) {
    return;  // a session from before the first test, which has ended meanwhile; or told already
  }
  const TimePoint now = loop_.now();
  const auto tested_at = watched.state.tested_at;
  if (!watched.probes.empty() && (!tested_at || now - *tested_at >= kTestBrokenEvery)) {
    watched.reported = what;
    test(watched);
  } else {
    tell_trouble(watched, what, "");
  }
}

void ListWatch::set_trouble(State& state, std::string trouble, std::string_view remedy) {
  if (trouble.empty()) {
    state.troubled_since.reset();
  } else if (state.trouble.empty()) {
    state.troubled_since = loop_.now();
  }
  state.trouble = std::move(trouble);
  state.remedy = remedy;
}

void ListWatch::tell_trouble(Watched& watched, std::string_view trouble, std::string_view remedy) {
  State& state = watched.state;
  const TimePoint now = loop_.now();
  if (!state.told_at || now - *state.told_at >= kTellEvery) {
    state.told_at = now;
    state.is_told = true;
    daemon_.warning(line("list_trouble", watched.list, trouble, remedy));
  }
}

void ListWatch::tell_works(Watched& watched) {
  if (std::exchange(watched.state.is_told, false)) {
    watched.state.told_at.reset();  // the next trouble is news
    daemon_.info(line("list_works", watched.list, "", ""));
  }
}

std::vector<ListWatch::Glance> ListWatch::glance() const {
  std::vector<Glance> all;
  const auto health = health_.get();
  for (const auto& one : lists_) {
    const State& state = one->state;
    const EntryKind kind =
        one->list.entry_kinds().empty() ? EntryKind::Ipv4 : one->list.entry_kinds().front();
    const std::string* out = health->trouble_of(one->list.zone, kind);
    Glance glance{one->list, "works", state.trouble, state.remedy, {}, stats_.of(one->list.label)};
    if (out != nullptr) {
      glance.state = *out == kNotTestedYet ? "untested" : "out";
      glance.trouble = *out;
    } else if (health->slow.count(one->list.zone) != 0) {
      glance.state = "slow";
    }
    if (state.troubled_since) {
      glance.since = std::chrono::duration_cast<Milliseconds>(loop_.now() - *state.troubled_since);
    }
    all.push_back(std::move(glance));
  }
  return all;
}

}  // namespace smtpguard::session
