// Threads — several at once on one object: for tests of what event loops share, best under
// ThreadSanitizer.
// Owns: nothing.   Called by: tests.   Fails: what a thread throws ends the test program.
#pragma once

#include <cstddef>
#include <latch>
#include <thread>
#include <vector>

namespace smtpguard::test {

inline constexpr std::size_t kThreads = 4;

// work(number) in each of kThreads threads, from the same moment on, until all are done.
template <typename Work>
void in_threads(const Work& work) {
  std::latch start{static_cast<std::ptrdiff_t>(kThreads)};
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < kThreads; ++number) {
    threads.emplace_back([&start, &work, number] {
      start.arrive_and_wait();
      work(number);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace smtpguard::test
