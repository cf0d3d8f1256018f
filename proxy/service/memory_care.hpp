// MemoryCare — looks after what is remembered a few times a second: hands what was learned to the
// store, takes over what it has read, and tells the log how it is.
// Owns: its place in the wheel.   Called by: WorkerProcess.   Fails: never.
#pragma once

#include <chrono>
#include <exception>

#include "conf/base/log.hpp"
#include "filters/memory/memory.hpp"
#include "proxy/net/deadline_wheel.hpp"

namespace smtpguard::service {

class MemoryCare final : private net::DeadlineWheel::Entry {
 public:
  // All outlive this.
  MemoryCare(net::DeadlineWheel& wheel, filters::memory::Memory& memory, Log& log)
      : wheel_(wheel), memory_(memory), log_(log) {
    arm();
  }

 private:
  // What is lost when the process is killed is hardly older.
  void arm() { wheel_.arm(*this, SteadyClock::now() + std::chrono::milliseconds(200)); }
  void on_deadline() noexcept override {
    arm();
    try {
      for (const auto& line : memory_.tick(filters::memory::wall_now())) {
        if (line.is_trouble) {
          log_.warning(line.text);
        } else {
          log_.info(line.text);
        }
      }
    } catch (const std::exception&) {
      // Out of memory; the next tick may have some.
    }
  }

  net::DeadlineWheel& wheel_;
  filters::memory::Memory& memory_;
  Log& log_;
};

}  // namespace smtpguard::service
