// Store — keeps the memory in a file, from a thread of its own, so that no session waits for a
// disk. Owns: the thread, the database, the changes that are not written yet.   Called by: Memory,
// in event loops; nothing here waits but stop(). Fails: never outwards. A file that cannot be
// used is told once, and tried again every few seconds; a damaged one is put aside as FILE.damaged
// and begun anew; one of a later version is left alone. What was not written meanwhile is asked of
// the table again (News::rewrite_since). start() comes after the sandbox: threads inherit it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "conf/base/clock.hpp"
#include "dns/keyed_hash.hpp"
#include "filters/memory/database.hpp"
#include "filters/memory/table.hpp"

namespace smtpguard::filters::memory {

class Store {
 public:
  // Changes that wait at most; what is more is left out, and asked for again later.
  static constexpr std::size_t kMostWaiting = 200'000;

  // `most`: records that are loaded at most. `retry`: how often a file that fails is tried again.
  Store(std::string path, std::size_t most, dns::KeyedHash hash,
        Milliseconds retry = std::chrono::seconds(5));
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store() { stop(); }

  void start();
  // Writes what waits, if that is possible; the thread has ended then.
  void stop();

  // Takes them, and gives the room of those that were written before: the loops and the thread pass
  // the same few pieces of memory around. To ask the system for new ones would make each of them
  // wait for the other.
  void write(std::vector<Change>& changes);

  struct Line {
    bool is_trouble = false;
    std::string text;
  };
  // What has happened since the last time.
  struct News {
    std::unique_ptr<Table> loaded;        // all that was in the file, once
    std::vector<Record> from_others;      // what another worker has written
    std::vector<Block> blocks;            // all that are in the file
    std::optional<Moment> rewrite_since;  // all records that were seen since are wanted once more
    std::vector<Line> lines;              // for the log
  };
  News take_news();

  bool is_working() const { return is_working_.load(std::memory_order_relaxed); }
  std::size_t waiting() const;

 private:
  void run();
  // Until there is something to do, or the time is over. False: it is the end.
  bool wait_for_work(std::vector<Change>& changes);
  void try_to_open();
  void load();
  void write_batch(const std::vector<Change>& changes);
  void read_of_others();
  void on_trouble(const Trouble& trouble);
  void on_success();
  void put_aside();
  void tell(bool is_trouble, const std::string& text);

  const std::string path_;
  const std::size_t most_;
  const dns::KeyedHash hash_;
  const Milliseconds retry_;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable work_;
  std::vector<Change> waiting_;
  bool is_left_out_ = false;  // some change was
  bool is_stopping_ = false;
  News news_;

  // The thread's own.
  Database database_;
  bool is_loaded_ = false;
  bool is_given_up_ = false;          // the file is of a later version
  std::string told_;                  // the trouble that was told last; empty: all is well
  std::optional<Moment> lost_since_;  // when what is not in the file began
  TimePoint next_try_{};
  TimePoint next_look_{};
  std::int64_t foreign_changes_ = 0;
  Moment read_until_{};

  std::atomic<bool> is_working_{false};
  std::atomic<bool> is_ending_{false};  // for a reading that takes long
  std::thread thread_;
};

}  // namespace smtpguard::filters::memory
