// Coroutine shapes that the project relies on, run under the compiler at hand.
//
// g++ 12.2, the compiler of Debian 12, builds five other shapes without a warning and wrongly;
// clang 14 has them all right. They cannot be probed here (they crash), so STYLE rule 5 forbids
// them, house_rules.cpp looks for them, and this file says what they are:
//  A  `if (co_await f())`, also in while, for, switch and as an operand of && or ||, in a coroutine
//     whose body declares no local: its temporaries overwrite the frame. SIGSEGV at -O0 and -O2.
//  B  `co_await (c ? f() : g())`: the task that was chosen is used after it was freed.
//  C  `co_await f({.a = ..., .b = ...})`, an aggregate temporary by value: destroyed twice.
//  D  `co_await f([t] { ... })`, a capturing lambda by value: its captures are destroyed twice.
//  E  `co_await f({"a", "b"})`, a braced list as argument: does not compile ("array used as
//  initializer").
#include <gtest/gtest.h>

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace smtpguard::arch {
namespace {

// A lazy coroutine of the smallest kind; what Asio's awaitable does is the same to the compiler.
template <typename T>
class Task {
 public:
  struct promise_type {
    std::optional<T> value;
    std::coroutine_handle<> waiter = std::noop_coroutine();

    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
        return h.promise().waiter;
      }
      void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_value(T result) { value = std::move(result); }
    void unhandled_exception() { std::terminate(); }
  };

  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) {
      handle_.destroy();
    }
  }

  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) {
    handle_.promise().waiter = waiter;
    return handle_;
  }
  T await_resume() { return std::move(*handle_.promise().value); }

  T run() {
    handle_.resume();
    return std::move(*handle_.promise().value);
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// Long enough to live on the heap, so that ASan and the allocator see a wrong lifetime.
const std::string kLong(64, 'x');

Task<std::string> text() {
  co_return kLong;
}
Task<bool> yes() {
  co_return true;
}
Task<int> number(int n) {
  co_return n;
}
Task<std::tuple<int, std::string>> tuple() {
  co_return std::tuple(7, kLong);
}

Task<std::string> binds_a_tuple() {
  const auto [n, s] = co_await tuple();
  co_return s + std::to_string(n);
}
TEST(CompilerProbe, StructuredBindingOfAnAwaitedTuple) {
  EXPECT_EQ(binds_a_tuple().run(), kLong + "7");
}

Task<int> tests_a_named_result() {
  const bool answer = co_await yes();
  if (answer) {
    co_return 1;
  }
  co_return 0;
}
TEST(CompilerProbe, NamedResultThenCondition) {
  EXPECT_EQ(tests_a_named_result().run(), 1);
}

Task<int> loops() {
  int sum = 0;
  for (int i = 0; i < 1000; ++i) {
    const int n = co_await number(i);
    if (n % 2 == 0) {
      continue;
    }
    sum += n;
  }
  co_return sum;
}
TEST(CompilerProbe, AwaitAsStatementOfALoop) {
  EXPECT_EQ(loops().run(), 250'000);
}

class Named {
 public:
  explicit Named(std::string text) : text_(std::move(text)) {}
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};
Task<std::string> takes_class(Named named) {
  const std::string more = co_await text();
  co_return named.text() + more;
}
Task<std::string> hands_over_a_class() {
  Named named(kLong);
  const std::string result = co_await takes_class(std::move(named));
  co_return result;
}
TEST(CompilerProbe, NamedClassMovedIntoACoroutine) {
  EXPECT_EQ(hands_over_a_class().run(), kLong + kLong);
}

// The remedy for C.
struct Aggregate {
  std::string a;
  std::unique_ptr<std::string> b;
};
Task<std::string> takes_aggregate(Aggregate aggregate) {
  const std::string more = co_await text();
  co_return aggregate.a + *aggregate.b + more;
}
Task<std::string> hands_over_an_aggregate() {
  Aggregate aggregate{.a = kLong, .b = std::make_unique<std::string>(kLong)};
  const std::string result = co_await takes_aggregate(std::move(aggregate));
  co_return result;
}
TEST(CompilerProbe, NamedAggregateMovedIntoACoroutine) {
  EXPECT_EQ(hands_over_an_aggregate().run(), kLong + kLong + kLong);
}

// The remedy for D.
Task<std::string> takes_function(std::function<std::string()> make) {
  const std::string more = co_await text();
  co_return make() + more;
}
Task<std::string> hands_over_a_function() {
  const std::string captured = kLong;
  std::function<std::string()> make = [captured] { return captured; };
  const std::string result = co_await takes_function(std::move(make));
  co_return result;
}
TEST(CompilerProbe, NamedFunctionMovedIntoACoroutine) {
  EXPECT_EQ(hands_over_a_function().run(), kLong + kLong);
}

// The remedy for B.
Task<std::string> chooses(bool first) {
  if (first) {
    const std::string one = co_await text();
    co_return one;
  }
  const std::string two = co_await binds_a_tuple();
  co_return two;
}
TEST(CompilerProbe, BranchesInsteadOfAChosenTask) {
  EXPECT_EQ(chooses(true).run(), kLong);
  EXPECT_EQ(chooses(false).run(), kLong + "7");
}

Task<std::string> passes_on() {
  co_return co_await binds_a_tuple();
}
TEST(CompilerProbe, ReturnOfAnAwait) {
  EXPECT_EQ(passes_on().run(), kLong + "7");
}

Task<int> switches(int n) {
  const int got = co_await number(n);
  switch (got) {
    case 1:
      co_return 10;
    default:
      co_await text();
      co_return 20;
  }
}
TEST(CompilerProbe, SwitchOverANamedResult) {
  EXPECT_EQ(switches(1).run(), 10);
  EXPECT_EQ(switches(2).run(), 20);
}

struct CountsItself {
  explicit CountsItself(int& alive) : alive_(alive) { ++alive_; }
  CountsItself(const CountsItself&) = delete;
  CountsItself& operator=(const CountsItself&) = delete;
  ~CountsItself() { --alive_; }
  int& alive_;
};
Task<int> holds_members(int& alive) {
  const CountsItself first(alive);
  const std::string s = co_await text();
  const CountsItself second(alive);
  co_await text();
  co_return alive;
}
TEST(CompilerProbe, LocalsDieOnceWithTheFrame) {
  int alive = 0;
  {
    auto task = holds_members(alive);
    EXPECT_EQ(task.run(), 2);
  }
  EXPECT_EQ(alive, 0);
}

Task<int> descends(int depth) {
  if (depth == 0) {
    co_return 0;
  }
  const int below = co_await descends(depth - 1);
  co_return below + 1;
}
TEST(CompilerProbe, FramesNest) {
  EXPECT_EQ(descends(100).run(), 100);
}

}  // namespace
}  // namespace smtpguard::arch
