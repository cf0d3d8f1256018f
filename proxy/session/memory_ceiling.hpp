// MemoryCeiling — keeps what clients take of the worker's heap under limits.memory: once a second
// it looks, and while it is over the ceiling no stranger comes in, and strangers go: the silent
// first. Owns: its place in the wheel, and whether it is over.   Called by: Worker; one per worker.
// Fails: never. Where the system does not tell how much memory is in use there is no ceiling, and
// the log says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "conf/base/log.hpp"
#include "proxy/net/deadline_wheel.hpp"
#include "proxy/session/admission.hpp"

namespace smtpguard::session {

// Octets that this process has got from malloc() and not given back; nothing: nobody can tell here.
std::optional<std::uint64_t> heap_in_use();

class MemoryCeiling final : private net::DeadlineWheel::Entry {
 public:
  // As it is now: a reload may change it. 0: there is none.
  using Ceiling = std::function<std::uint64_t()>;
  // What clients take.
  using InUse = std::function<std::optional<std::uint64_t>()>;
  // Sends away at most so many, in the order in which they can be done without.
  using SendAway = std::function<void(std::size_t)>;

  // All outlive it.
  MemoryCeiling(net::DeadlineWheel& wheel, Admission& admission, Log& log, Ceiling ceiling,
                InUse in_use, SendAway send_away)
      : wheel_(wheel),
        admission_(admission),
        log_(log),
        ceiling_(std::move(ceiling)),
        in_use_(std::move(in_use)),
        send_away_(std::move(send_away)) {
    arm();
  }

  // What is done once a second.
  void look();

 private:
  void arm();
  void on_deadline() noexcept override;
  void tell(bool is_short, std::uint64_t used, std::uint64_t ceiling) const;

  net::DeadlineWheel& wheel_;
  Admission& admission_;
  Log& log_;
  Ceiling ceiling_;
  InUse in_use_;
  SendAway send_away_;
  bool is_blindness_told_ = false;
};

}  // namespace smtpguard::session
