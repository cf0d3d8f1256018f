#include "proxy/session/list_watch.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "conf/base/log_line.hpp"
#include "conf/base/text.hpp"

namespace smtpguard::session {

namespace {

using namespace std::chrono_literals;

// Of a list whose first test has not ended.
constexpr const char* kNotTestedYet = "not tested yet";
constexpr Milliseconds kTick = 5s;
constexpr Milliseconds kTestEvery = 1h;
constexpr Milliseconds kTestBrokenEvery = 60s;
// Often the resolver of this machine is just starting as well.
constexpr Milliseconds kTestUnknownEvery = 10s;
constexpr Milliseconds kTellEvery = 1h;
constexpr int kMostSilences = 2;

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

}  // namespace

void ListWatch::watch(const std::vector<filters::DnsList>& lists) {
  std::vector<std::unique_ptr<Watched>> watched;
  auto health = std::make_shared<dns::ListHealth>();
  for (const filters::DnsList& list : lists) {
    Watched* const before = find(list.zone);
    auto next = std::make_unique<Watched>();
    next->list = list;
    if (before != nullptr && before->is_known) {
      next->is_known = true;
      next->due = before->due;
      next->tested_at = before->tested_at;
      next->told_at = before->told_at;
      next->is_told = before->is_told;
    }
    if (list.is_self_tested) {
      const std::string* trouble = next->is_known ? health_->trouble_of(list.zone) : nullptr;
      if (trouble != nullptr) {
        health->troubles[list.zone] = *trouble;
      } else if (!next->is_known) {
        health->troubles[list.zone] = kNotTestedYet;
      }
    }
    watched.push_back(std::move(next));
  }
  lists_ = std::move(watched);
  health_ = std::move(health);
  if (!lists_.empty() && ticking_ == nullptr) {
    ticking_ = std::make_shared<char>();
    tick();
  } else {
    for (const auto& one : lists_) {
      if (one->list.is_self_tested && !one->is_known) {
        test(*one);
      }
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
    if (watched->list.is_self_tested && watched->due <= loop_.now()) {
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
  const auto family = watched.list.has_ipv4 ? IpAddress::Family::V4 : IpAddress::Family::V6;
  watched.presence.reset();
  watched.absence.reset();
  watched.presence_asked =
      resolver_.ask({dns::presence_name(family, watched.list.zone), dns::RecordType::A},
                    [this, &watched](const dns::Answer& answer) {
                      watched.presence = answer;
                      on_answer(watched);
                    });
  watched.absence_asked =
      resolver_.ask({dns::test_name(family, watched.list.zone), dns::RecordType::A},
                    [this, &watched](const dns::Answer& answer) {
                      watched.absence = answer;
                      on_answer(watched);
                    });
}

void ListWatch::on_answer(Watched& watched) {
  if (!watched.presence || !watched.absence) {
    return;
  }
  using Result = dns::SelfTest::Result;
  const dns::SelfTest tested = dns::judge_self_test(*watched.presence, *watched.absence,
                                                    watched.list.codes, watched.list.kind);
  const TimePoint now = loop_.now();
  watched.is_under_test = false;
  watched.tested_at = now;
  switch (tested.result) {
    case Result::Works:
      watched.is_known = true;
      watched.silences = 0;
      watched.due = now + kTestEvery;
      mark(watched, "");
      if (watched.reported.empty()) {
        tell_works(watched);
      } else {
        tell_trouble(watched, watched.reported, "");
      }
      break;
    case Result::Fails:
      watched.is_known = true;
      watched.silences = 0;
      watched.due = now + kTestBrokenEvery;
      mark(watched, tested.trouble);
      tell_trouble(watched, tested.trouble, tested.remedy);
      break;
    case Result::Unknown:
      ++watched.silences;
      watched.due = now + (watched.is_known ? kTestBrokenEvery : kTestUnknownEvery);
      if (!watched.is_known || watched.silences >= kMostSilences) {
        mark(watched, tested.trouble);
      }
      tell_trouble(watched, tested.trouble, "");
      break;
  }
  watched.reported.clear();
}

// Empty: it works.
void ListWatch::mark(const Watched& watched, const std::string& trouble) {
  const std::string& zone = watched.list.zone;
  const std::string* before = health_->trouble_of(zone);
  const bool is_news =
      trouble.empty() ? before != nullptr : before == nullptr || *before != trouble;
  if (!is_news) {
    return;
  }
  auto changed = std::make_shared<dns::ListHealth>(*health_);
  if (trouble.empty()) {
    changed->troubles.erase(zone);
  } else {
    changed->troubles[zone] = trouble;
  }
  health_ = std::move(changed);
}

void ListWatch::on_trouble(std::string_view label, std::string_view what) {
  const auto found = std::find_if(lists_.begin(), lists_.end(), [&](const auto& one) {
    return equals_ignoring_case(one->list.label, label);
  });
  if (found == lists_.end() || health_->trouble_of((*found)->list.zone) != nullptr) {
    return;  // told already
  }
  if (what.ends_with(kNotTestedYet)) {
    return;  // a session from before the first test, which has ended meanwhile
  }
  Watched& watched = **found;
  const TimePoint now = loop_.now();
  if (watched.list.is_self_tested && now - *watched.tested_at >= kTestBrokenEvery) {
    watched.reported = what;
    test(watched);
  } else {
    tell_trouble(watched, what, "");
  }
}

void ListWatch::tell_trouble(Watched& watched, std::string_view trouble, std::string_view remedy) {
  const TimePoint now = loop_.now();
  if (!watched.told_at || now - *watched.told_at >= kTellEvery) {
    watched.told_at = now;
    watched.is_told = true;
    daemon_.warning(line("list_trouble", watched.list, trouble, remedy));
  }
}

void ListWatch::tell_works(Watched& watched) {
  if (std::exchange(watched.is_told, false)) {
    watched.told_at.reset();  // the next trouble is news
    daemon_.info(line("list_works", watched.list, "", ""));
  }
}

}  // namespace smtpguard::session
