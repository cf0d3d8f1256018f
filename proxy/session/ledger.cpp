#include "proxy/session/ledger.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "conf/base/anonymous_file.hpp"

namespace smtpguard::session {
namespace {

// A place: the stage in one octet, then two texts that end with NUL.
constexpr std::size_t kIdAt = 1;
constexpr std::size_t kClientAt = 32;
constexpr std::size_t kFileSize = Ledger::kPlaces * Ledger::kPlaceSize;

void write_text(char* place, std::size_t begin, std::size_t end, std::string_view text) {
  const std::size_t count = std::min(text.size(), end - begin - 1);
  std::memcpy(place + begin, text.data(), count);
  place[begin + count] = '\0';
}

std::string read_text(std::string_view place, std::size_t begin, std::size_t end) {
  const std::string_view field = place.substr(begin, end - begin);
  return std::string(field.substr(0, field.find('\0')));
}

}  // namespace

Ledger::Entry::~Entry() {
  if (ledger_ != nullptr) {
    set(Stage::Free);
    ledger_->give_back(place_);
  }
}

void Ledger::Entry::set(Stage stage) {
  if (ledger_ != nullptr) {
    *ledger_->place(place_) = static_cast<char>(stage);
  }
}

Result<Ledger> Ledger::map(const Descriptor& file) {
  void* mapped = MAP_FAILED;
  if (::ftruncate(file.get(), static_cast<off_t>(kFileSize)) == 0) {
    mapped = ::mmap(nullptr, kFileSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  }
  if (mapped == MAP_FAILED) {
    return Error{"ledger of sessions: " + std::generic_category().message(errno)};
  }
  return Ledger(static_cast<char*>(mapped));
}

Ledger::Ledger(Ledger&& other) noexcept
    : places_(std::exchange(other.places_, nullptr)),
      given_back_(std::move(other.given_back_)),
      untouched_(other.untouched_) {}

Ledger::~Ledger() {
  if (places_ != nullptr) {
    ::munmap(places_, kFileSize);
  }
}

std::optional<std::size_t> Ledger::take_place() {
  const std::lock_guard lock(mutex_);
  if (!given_back_.empty()) {
    const std::size_t number = given_back_.back();
    given_back_.pop_back();
    return number;
  }
  if (untouched_ == kPlaces) {
    return std::nullopt;
  }
  if (given_back_.capacity() <= untouched_) {
    given_back_.reserve(std::max<std::size_t>(64, untouched_ * 2));
  }
  return untouched_++;
}

void Ledger::give_back(std::size_t number) {
  const std::lock_guard lock(mutex_);
  given_back_.push_back(number);  // never grows: take_place() has reserved it
}

Ledger::Entry Ledger::open(std::string_view id, std::string_view client) {
  const auto number = take_place();
  if (!number) {
    return {};
  }
  write_text(place(*number), kIdAt, kClientAt, id);
  write_text(place(*number), kClientAt, kPlaceSize, client);
  Entry entry(*this, *number);
  entry.set(Stage::Open);
  return entry;
}

std::vector<Ledger::Session> Ledger::open_sessions(const Descriptor& file) {
  std::vector<Session> sessions;
  const auto content = read_all(file, kFileSize);
  if (!content) {
    return sessions;
  }
  std::string_view rest = *content;
  for (; rest.size() >= kPlaceSize; rest.remove_prefix(kPlaceSize)) {
    const std::string_view place = rest.substr(0, kPlaceSize);
    if (place.front() == static_cast<char>(Stage::Free)) {
      continue;
    }
    sessions.push_back({read_text(place, kIdAt, kClientAt), read_text(place, kClientAt, kPlaceSize),
                        place.front() == static_cast<char>(Stage::InMessage)});
  }
  return sessions;
}

}  // namespace smtpguard::session
