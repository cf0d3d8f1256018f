#include "filters/memory/store.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <utility>

namespace smtpguard::filters::memory {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kRest = 1s;
// How often what another worker has written is looked for.
constexpr Milliseconds kLook = 5s;
// Changes whose memory is kept for the next ones: a few times what a tick brings at most.
constexpr std::size_t kRoomKept = 8192;
// Clocks and commits are not exact: so much is read or written twice.
constexpr std::chrono::seconds kOverlap = 10s;

Moment before(Moment moment, std::chrono::seconds span) {
  return moment_at(seconds_of(moment) - span.count());
}

// Signals are for the thread that has the loop.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigdelset(&all, SIGSYS);  // the sandbox answers a refused call by it
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Store::Store(std::string path, std::size_t most, dns::KeyedHash hash, Milliseconds retry)
    : path_(std::move(path)), most_(most), hash_(hash), retry_(retry) {}

void Store::start() {
  thread_ = std::thread([this] {
    block_signals();
    run();
  });
}

void Store::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  is_ending_ = true;
  work_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Store::write(std::vector<Change>& changes) {
  if (changes.empty()) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + changes.size() > kMostWaiting) {
      is_left_out_ = true;
    } else if (waiting_.empty()) {
      waiting_.swap(changes);
    } else {
      waiting_.insert(waiting_.end(), changes.begin(), changes.end());
    }
  }
  changes.clear();
  work_.notify_one();
}

Store::News Store::take_news() {
  const std::lock_guard lock(mutex_);
  return std::exchange(news_, News());
}

std::size_t Store::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void Store::run() {
  std::vector<Change> changes;
  bool goes_on = true;
  while (goes_on) {
    try {
      try_to_open();
      goes_on = wait_for_work(changes);
      if (!changes.empty()) {
        write_batch(changes);
      }
      changes.clear();
      if (changes.capacity() > kRoomKept) {
        changes.shrink_to_fit();
      }
      read_of_others();
    } catch (const std::exception& error) {
      // Out of memory: what was at hand is asked for again.
      changes.clear();
      on_trouble({Trouble::Kind::Unavailable, error.what()});
    }
  }
  database_.close();
  is_working_ = false;
}

bool Store::wait_for_work(std::vector<Change>& changes) {
  std::unique_lock lock(mutex_);
  work_.wait_for(lock, kRest, [this] { return is_stopping_ || !waiting_.empty(); });
  changes.swap(waiting_);
  if (std::exchange(is_left_out_, false) && !lost_since_) {
    lost_since_ = before(wall_now(), kOverlap + kRest);
  }
  return !is_stopping_;
}

void Store::try_to_open() {
  const TimePoint now = SteadyClock::now();
  if (database_.is_open() || is_given_up_ || now < next_try_) {
    return;
  }
  next_try_ = now + retry_;
  Troubled failed = database_.open(path_);
  if (failed && failed->kind == Trouble::Kind::Damaged) {
    put_aside();
    failed = database_.open(path_);
  }
  if (failed) {
    on_trouble(*failed);
    return;
  }
  if (!is_loaded_) {
    load();
  }
  if (database_.is_open() && (lost_since_ || !told_.empty())) {
    const Troubled still = database_.try_to_write();
    if (still) {
      on_trouble(*still);
    } else {
      on_success();
    }
  }
  is_working_ = database_.is_open();
}

// Into a table of its own, which the loop takes over: it never waits for this.
void Store::load() {
  const TimePoint began = SteadyClock::now();
  const Moment now = wall_now();
  auto table = std::make_unique<Table>(most_, hash_);
  std::vector<Change> gone;
  const auto forget = [&](const Key& key) {
    Change change;
    change.record.key = key;
    change.is_gone = true;
    gone.push_back(change);
  };
  Troubled failed = database_.read(Moment{}, [&](const Record& record) {
    std::optional<Key> forgotten;
    if (record.expires <= now) {
      forget(record.key);
    } else {
      table->put(record, now, forgotten);
    }
    if (forgotten) {
      forget(*forgotten);
    }
    return !is_ending_.load(std::memory_order_relaxed);
  });
  std::vector<Block> blocks;
  if (!failed) {
    failed = database_.read_blocks(blocks);
  }
  is_loaded_ = true;
  read_until_ = now;
  foreign_changes_ = database_.foreign_changes();
  const std::size_t count = table->size();
  {
    const std::lock_guard lock(mutex_);
    news_.loaded = std::move(table);
    news_.blocks = std::move(blocks);
  }
  if (failed) {
    // What could be read is kept and written anew.
    lost_since_ = Moment{};
    on_trouble(*failed);
    return;
  }
  const auto took = std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - began);
  tell(false, fmt::format("memory: {} clients remembered from {}, read in {:.1f} s", count, path_,
                          std::chrono::duration<double>(took).count()));
  write_batch(gone);
}

void Store::write_batch(const std::vector<Change>& changes) {
  if (!database_.is_open()) {
    if (!lost_since_) {
      lost_since_ = before(wall_now(), kOverlap);
    }
    return;
  }
  if (changes.empty()) {
    return;
  }
  const Troubled failed = database_.write(changes);
  if (failed) {
    on_trouble(*failed);
  } else {
    on_success();
  }
}

void Store::on_success() {
  if (!told_.empty()) {
    tell(false, fmt::format("memory: {} works again", path_));
    told_.clear();
  }
  if (lost_since_) {
    const std::lock_guard lock(mutex_);
    news_.rewrite_since = std::exchange(lost_since_, std::nullopt);
  }
}

void Store::on_trouble(const Trouble& trouble) {
  is_working_ = false;
  if (!lost_since_) {
    lost_since_ = before(wall_now(), kOverlap);
  }
  if (trouble.kind == Trouble::Kind::Damaged) {
    put_aside();
    lost_since_ = Moment{};
    next_try_ = {};
    return;
  }
  is_given_up_ = trouble.kind == Trouble::Kind::TooNew;
  if (told_.empty()) {
    told_ = trouble.text;
    tell(true, fmt::format("memory: {}: {}; what is learned is kept in memory alone{}", path_,
                           trouble.text, is_given_up_ ? "" : " until it works"));
  }
  database_.close();
}

void Store::put_aside() {
  database_.close();
  const std::string aside = path_ + ".damaged";
  std::rename(path_.c_str(), aside.c_str());
  // They belong to the old file and would be taken for the new one's.
  std::remove((path_ + "-wal").c_str());
  std::remove((path_ + "-shm").c_str());
  lost_since_ = Moment{};
  tell(true, fmt::format("memory: {} is damaged; it is put aside as {} and begun anew with what is "
                         "in memory",
                         path_, aside));
}

void Store::read_of_others() {
  const TimePoint now = SteadyClock::now();
  if (!database_.is_open() || now < next_look_) {
    return;
  }
  next_look_ = now + kLook;
  const std::int64_t changes = database_.foreign_changes();
  if (changes == foreign_changes_) {
    return;
  }
  foreign_changes_ = changes;
  const Moment since = before(read_until_, kOverlap);
  read_until_ = wall_now();
  std::vector<Record> records;
  Troubled failed = database_.read(since, [&](const Record& record) {
    records.push_back(record);
    return true;
  });
  std::vector<Block> blocks;
  if (!failed) {
    failed = database_.read_blocks(blocks);
  }
  if (failed) {
    on_trouble(*failed);
  }
  const std::lock_guard lock(mutex_);
  std::move(records.begin(), records.end(), std::back_inserter(news_.from_others));
  std::move(blocks.begin(), blocks.end(), std::back_inserter(news_.blocks));
}

void Store::tell(bool is_trouble, const std::string& text) {
  const std::lock_guard lock(mutex_);
  news_.lines.push_back({is_trouble, text});
}

}  // namespace smtpguard::filters::memory
