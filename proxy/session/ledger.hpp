// Ledger — which sessions are open, kept where it outlives a crash of the process that has them.
// Owns: a shared mapping of a file of fixed size; the file itself belongs to whoever made it.
// Called by: Session (an entry each; any thread, one ledger per process), the supervisor
// (open_sessions(), after a crash).
// Fails: the mapping with an Error; when there are more sessions than places, the ones too many
// are not in it. The reader trusts nothing that stands in the file: its writer may be broken into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/base/descriptor.hpp"
#include "conf/base/result.hpp"

namespace smtpguard::session {

class Ledger {
 public:
  static constexpr std::size_t kPlaces = 16384;
  static constexpr std::size_t kPlaceSize = 128;  // octets

  enum class Stage : std::uint8_t { Free = 0, Open, InMessage };

  // A place that was taken; free again when it dies. Must not outlive the Ledger.
  class Entry {
   public:
    Entry() = default;
    Entry(Entry&& other) noexcept
        : ledger_(std::exchange(other.ledger_, nullptr)), place_(other.place_) {}
    Entry& operator=(Entry&& other) noexcept {
      std::swap(ledger_, other.ledger_);
      std::swap(place_, other.place_);
      return *this;
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry();

    void set(Stage stage);

   private:
    friend class Ledger;
    Entry(Ledger& ledger, std::size_t place) : ledger_(&ledger), place_(place) {}

    Ledger* ledger_ = nullptr;
    std::size_t place_ = 0;
  };

  struct Session {
    std::string id;
    std::string client;
    bool is_in_message = false;

    bool operator==(const Session&) const = default;
  };

  // Makes the file as large as needed.
  static Result<Ledger> map(const Descriptor& file);
  // Before anybody uses it.
  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(Ledger&&) = delete;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();

  // An empty Entry when all places are taken.
  Entry open(std::string_view id, std::string_view client);

  // What stands in the file of a process that has ended.
  static std::vector<Session> open_sessions(const Descriptor& file);

 private:
  explicit Ledger(char* places) : places_(places) {}
  char* place(std::size_t number) const { return places_ + number * kPlaceSize; }
  // Nothing: all are taken.
  std::optional<std::size_t> take_place();
  void give_back(std::size_t number);

  char* places_ = nullptr;  // what stands in a place is written by whoever has it alone

  std::mutex mutex_;  // of what follows
  std::vector<std::size_t> given_back_;
  std::size_t untouched_ = 0;  // from here on no place was ever used: their pages cost nothing
};

}  // namespace smtpguard::session
