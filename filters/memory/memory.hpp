// Memory — who behaved and who did not: asked when a client comes, told when its session is over.
// Owns: the table, and the store behind it if there is one.   Called by: Lobby, Session,
// smtpguardctl's requests, the service now and then (tick); any thread, one per process. Only
// keep_in(), start() and stop() belong to whoever owns it, before and after all others.
// Fails: never; without a store all of it is forgotten at the end. The time is passed in. Only of
// strangers it is asked and told: local and trusted networks are never punished and need no pass.
// A pass belongs to the address, and to the organisation if the name is its own (Identity); what
// went wrong belongs to both and, once many hosts of a network fail, to the network.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/memory/block.hpp"
#include "filters/memory/identity.hpp"
#include "filters/memory/remembered.hpp"
#include "filters/memory/settings.hpp"
#include "filters/memory/store.hpp"
#include "filters/memory/table.hpp"

namespace smtpguard::filters::memory {

// What a session has shown.
struct Conduct {
  Counts counts;  // to be added
  // A message was delivered, nothing was wrong, and all lists have answered.
  bool has_earned_pass = false;
  bool has_waited_for_greeting = false;  // it was not greeted at once
  bool has_waited_for_replies = false;   // it was not offered PIPELINING from the start
  bool talked_early = false;
  bool pipelined = false;
  bool spoke_no_smtp = false;

  bool is_fault() const { return talked_early || pipelined || spoke_no_smtp; }
};

// A message of somebody suspicious.
struct GreylistVisit {
  std::vector<std::string> pools;  // by any of them it is known again: networks, organisations
  std::vector<std::string> own;    // who need not do it again once it has come back
  std::string message;             // sender and recipient
};
struct GreylistAnswer {
  bool has_come_back = false;
  std::string by;                 // a pool, or one's own; empty: it was never here
  std::chrono::seconds after{0};  // since the first time
  std::chrono::seconds left{0};   // until it is time
};

// Of a message, as far as nobody can forge it.
struct SenderVisit {
  std::string domain;
  std::vector<std::string> origins;  // networks and own organisations of the client
  bool is_confirmed = false;         // one of its names is of the domain's organisation
};

class Memory {
 public:
  Memory(const Settings& settings, dns::KeyedHash hash)
      : hash_(hash), settings_(settings), table_(settings.entries, hash) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() = default;

  void configure(const Settings& settings);
  Settings settings() const;
  bool is_enabled() const;

  Remembered recall(const Identity& who, Moment now) const;
  void learn(const Identity& who, const Conduct& conduct, Moment now);

  // Who has written before; by its domain alone only where that is confirmed.
  std::optional<Correspondent> recall_sender(const SenderVisit& visit, Moment now) const;
  // A message was accepted, and it was confirmed or known; from now on by its networks as well.
  void learn_sender(const SenderVisit& visit, Moment now);

  // Nothing: it may come.
  std::optional<Block> block_of(const IpAddress& client, Moment now) const;
  // By its words and for so long; nothing: there are too many.
  std::optional<Block> block(Block wanted, std::chrono::seconds time, Moment now);
  // Blocks who harvests or misbehaves again and again, if that is due; longer each time.
  std::optional<Block> punish(const IpAddress& client, Moment now);
  bool lift(const Cidr& network, Moment now);
  std::vector<Block> blocks(Moment now) const;

  GreylistAnswer greylist(const GreylistVisit& visit, Moment now);

  // For the administrator: what is kept under a key (none or one), a pass without the merits, and
  // the end of all that is known. False: nothing was known.
  std::vector<Record> about(const Key& key, Moment now) const;
  // At most `most`, those that were seen last. What is forgotten and learned anew while it looks
  // may be there twice.
  std::vector<Record> all_of(Key::Kind kind, Moment now, std::size_t most) const;
  // False: it is no domain, or the origin neither a network of a /24 or /64 at most nor a domain.
  bool import_sender(std::string_view domain, std::string_view origin, Moment now);
  void give_pass(const Key& key, Moment now);
  bool forget(const Key& key);

  // Keeps it in the file `path` from start() to stop(); a thread of its own writes.
  void keep_in(const std::string& path, Milliseconds retry = 5s);
  void start();
  void stop();
  // To be called a few times a second: hands over what was learned, takes what was read, forgets
  // what has expired; each in slices. Returns what is to be logged.
  std::vector<Store::Line> tick(Moment now);
  // nullptr: there is none.
  const Store* store() const { return store_.get(); }

  // How large it is.
  struct Extent {
    std::size_t records = 0;
    std::size_t most = 0;
    std::size_t octets = 0;
  };
  Extent extent() const;

 private:
  using Lock = std::lock_guard<std::mutex>;

  // What is below has the lock.
  std::optional<Block> put_block(Block wanted, std::chrono::seconds time, Moment now);
  bool erase(const Key& key);
  bool has_come_back(const Key& client, Moment now);
  void learn_of(const Key& key, const Conduct& conduct, Moment now);
  void learn_of_network(const IpAddress& client, const Conduct& conduct, Moment now);
  Record& record_of(const Key& key, Moment now);
  void changed(const Record& record);
  void changed(const Block& block, bool is_gone);
  void is_gone(const Key& key);
  void take_over(Table& loaded, Moment now);
  void take_over(const Record& record, Moment now);
  void forget_expired(Moment now);
  void forget_old_blocks(Moment now);
  void rewrite();

  const dns::KeyedHash hash_;
  std::unique_ptr<Store> store_;  // safe by itself

  // Held for one question or one slice, never while something waits for a disk.
  mutable std::mutex mutex_;  // of what follows
  Settings settings_;
  Table table_;
  BlockList blocks_;
  std::vector<Change> changes_;  // since the last tick
  Table::Place looked_at_;       // for what has expired
  // All that was seen since is written once more.
  struct Rewriting {
    Moment since{};
    Table::Place place;
  };
  std::optional<Rewriting> rewriting_;
};

}  // namespace smtpguard::filters::memory
