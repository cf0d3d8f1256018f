#include "proxy/session/memory_ceiling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace smtpguard::session {
namespace {

// What one look sends away at most: a sixteenth of those who are here, and a few if they are few.
constexpr std::size_t kFew = 16;
// Strangers come in again once an eighth is free.
constexpr std::uint64_t kFreeAgain = 8;

}  // namespace

std::optional<std::uint64_t> heap_in_use() {
#if defined(SMTPGUARD_SANITIZED)
  return std::nullopt;  // its malloc() is another one
#elif defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
  const struct mallinfo2 info = ::mallinfo2();
  const std::uint64_t used = std::uint64_t{info.uordblks} + info.hblkhd;
  // Nothing at all: another malloc() stands in for this one, and counts elsewhere.
  return used == 0 ? std::nullopt : std::optional(used);
#else
  return std::nullopt;
#endif
}

void MemoryCeiling::arm() {
  wheel_.arm(*this, SteadyClock::now() + std::chrono::seconds(1));
}

void MemoryCeiling::on_deadline() noexcept {
  arm();
  try {
    look();
  } catch (const std::exception&) {
    // Out of memory, of all things; the next second may have some.
  }
}

void MemoryCeiling::look() {
  const std::uint64_t ceiling = ceiling_();
  const bool was_short = admission_.is_short_of_memory();
  const auto used = ceiling == 0 ? std::optional<std::uint64_t>(0) : in_use_();
  if (!used && !std::exchange(is_blindness_told_, true)) {
    log_.warning(
        "limits.memory: this system does not tell how much memory is in use: there is no "
        "ceiling");
  }
  if (!used || (ceiling == 0 && !was_short)) {
    return;
  }
  const std::uint64_t bound = was_short ? ceiling - ceiling / kFreeAgain : ceiling;
  // With nobody here it is not clients who take it, and nothing would come of their staying away.
  const bool is_short = ceiling != 0 && *used > bound && (admission_.total() != 0 || !was_short);
  admission_.set_short_of_memory(is_short);
  if (is_short != was_short) {
    tell(is_short, *used, ceiling);
  }
  if (is_short && *used > ceiling) {
    send_away_(std::max<std::size_t>(kFew, admission_.total() / kFew));
  }
}

void MemoryCeiling::tell(bool is_short, std::uint64_t used, std::uint64_t ceiling) const {
  constexpr double kMegabyte = 1'000'000;
  const double megabytes = static_cast<double>(used) / kMegabyte;
  if (is_short) {
    log_.warning(fmt::format(
        "clients take {:.1f} MB of memory, more than limits.memory ({:.1f} MB): strangers are "
        "turned away, and those who are here make room, the silent first",
        megabytes, static_cast<double>(ceiling) / kMegabyte));
  } else {
    const std::string how_much = ceiling == 0 ? "no ceiling of memory any more"
                                              : fmt::format("{:.1f} MB of memory", megabytes);
    log_.info(how_much + ": strangers may come again");
  }
}

}  // namespace smtpguard::session
