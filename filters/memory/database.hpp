// Database — the file behind the memory: SQLite, one connection. Readable with sqlite3.
// Owns: the connection and its prepared statements.   Called by: Store, in its own thread; tests.
// Fails: every call with a Trouble that says what kind it is, so that Store knows whether to wait
// or to begin anew. The only code with SQLite.
// WAL, synchronous = NORMAL: a commit is in the file system when it returns and survives the death
// of the process; a power cut may take the last ones, never half of one. Rows are written by whole
// records, the one that was seen later wins: two workers may share the file during an upgrade.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/memory/change.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace smtpguard::filters::memory {

struct Trouble {
  enum class Kind : std::uint8_t {
    Unavailable,  // no folder, read-only, disk full, held by another: try again later
    Damaged,      // what is in the file makes no sense: put it aside
    TooNew,       // a later version of smtpguard has written it: leave it alone
  };
  Kind kind = Kind::Unavailable;
  std::string text;
};

// Nothing: all is well.
using Troubled = std::optional<Trouble>;

class Database {
 public:
  // What the newest schema is called; older files are brought to it when opened.
  static const int kVersion;

  Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  Troubled open(const std::string& path);
  void close();
  bool is_open() const { return connection_ != nullptr; }

  // All or nothing of the batch.
  Troubled write(const std::vector<Change>& changes);
  // Every client that was seen at `since` or later, in no order. Rows that are no records of ours
  // are left out.
  // `visit` says whether to go on.
  Troubled read(Moment since, const std::function<bool(const Record&)>& visit);
  Troubled read_blocks(std::vector<Block>& blocks);
  // Whether there is room and right to write.
  Troubled try_to_write();
  // Changes when another connection has written.
  std::int64_t foreign_changes();

 private:
  struct CloseConnection {
    void operator()(sqlite3* connection) const;
  };
  struct EndStatement {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, EndStatement>;

  Troubled run(const char* sql);
  Troubled prepare(Statement& statement, const char* sql);
  Troubled migrate();
  Troubled write_one(const Change& change);
  Troubled write_block(const Block& block, bool is_gone);
  Troubled step(sqlite3_stmt* statement);
  std::int64_t number_of(const char* pragma);
  Trouble trouble(int code) const;

  std::unique_ptr<sqlite3, CloseConnection> connection_;
  Statement put_;
  Statement erase_;
  Statement put_block_;
  Statement erase_block_;
  Statement foreign_;
};

}  // namespace smtpguard::filters::memory
