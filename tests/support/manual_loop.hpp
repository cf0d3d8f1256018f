// ManualLoop — a Loop whose time stands still until a test moves it.
// Owns: the tasks that have not run.   Called by: tests of dns/ and of what asks the DNS.
// Fails: never. Tasks run in the order of their time, only inside run() and advance().
#pragma once

#include <algorithm>
#include <map>
#include <utility>

#include "dns/loop.hpp"

namespace smtpguard::test {

class ManualLoop final : public dns::Loop {
 public:
  TimePoint now() const override { return now_; }
  void post(Task task) override { tasks_.emplace(now_, std::move(task)); }
  void call_after(Milliseconds delay, Task task) override {
    tasks_.emplace(now_ + delay, std::move(task));
  }

  // Runs what is due, and what that posts.
  void run() { advance(Milliseconds(0)); }
  void advance(Milliseconds time) {
    const TimePoint end = now_ + time;
    while (!tasks_.empty() && tasks_.begin()->first <= end) {
      now_ = std::max(now_, tasks_.begin()->first);
      const auto task = tasks_.extract(tasks_.begin());
      task.mapped()();
    }
    now_ = end;
  }

 private:
  TimePoint now_{std::chrono::hours(1)};
  std::multimap<TimePoint, Task> tasks_;
};

}  // namespace smtpguard::test
