#include "filters/memory/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <thread>

namespace smtpguard::filters::memory {

namespace {

// Each brings the schema of the version before to its own; none is ever changed once it was out.
constexpr std::array kMigrations = std::to_array<const char*>({
    R"sql(
      CREATE TABLE clients (
        kind TEXT NOT NULL,              -- address, network, organisation, correspondent
        key TEXT NOT NULL,
        first_seen INTEGER NOT NULL,     -- all times in seconds since 1970, UTC
        last_seen INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        waits_for_greeting_until INTEGER NOT NULL,
        waits_for_replies_until INTEGER NOT NULL,
        speaks_smtp_until INTEGER NOT NULL,
        accepted REAL NOT NULL,          -- as of last_seen; they fade to a half in a week
        refused REAL NOT NULL,
        unknown REAL NOT NULL,
        early REAL NOT NULL,
        junk REAL NOT NULL,
        failed_hosts INTEGER NOT NULL,   -- 64 bits, one for each part of the network's hosts
        PRIMARY KEY (kind, key)
      ) WITHOUT ROWID;
    )sql",
    R"sql(
      CREATE TABLE blocks (
        network TEXT NOT NULL PRIMARY KEY,
        author TEXT NOT NULL,
        reason TEXT NOT NULL,
        since INTEGER NOT NULL,
        until INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        times INTEGER NOT NULL           -- so often in a row
      ) WITHOUT ROWID;
    )sql",
});

constexpr const char* kPut = R"sql(
    INSERT INTO clients VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
    ON CONFLICT (kind, key) DO UPDATE SET
      first_seen = excluded.first_seen, last_seen = excluded.last_seen,
      expires = excluded.expires, waits_for_greeting_until = excluded.waits_for_greeting_until,
      waits_for_replies_until = excluded.waits_for_replies_until,
      speaks_smtp_until = excluded.speaks_smtp_until, accepted = excluded.accepted,
      refused = excluded.refused, unknown = excluded.unknown, early = excluded.early,
      junk = excluded.junk, failed_hosts = excluded.failed_hosts
    WHERE excluded.last_seen >= clients.last_seen
  )sql";
constexpr const char* kErase = "DELETE FROM clients WHERE kind = ?1 AND key = ?2";
constexpr const char* kRead = R"sql(
    SELECT kind, key, first_seen, last_seen, expires, waits_for_greeting_until,
      waits_for_replies_until, speaks_smtp_until, accepted, refused, unknown, early, junk,
      failed_hosts
    FROM clients WHERE last_seen >= ?1
  )sql";

constexpr const char* kPutBlock = R"sql(
    INSERT INTO blocks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (network) DO UPDATE SET
      author = excluded.author, reason = excluded.reason, since = excluded.since,
      until = excluded.until, changed = excluded.changed, times = excluded.times
    WHERE excluded.changed >= blocks.changed
  )sql";
constexpr const char* kEraseBlock = "DELETE FROM blocks WHERE network = ?1";
constexpr const char* kReadBlocks =
    "SELECT network, author, reason, since, until, changed, times FROM blocks "
    "ORDER BY until DESC";

// "smtg": so that file(1) and we know whose it is.
constexpr std::int64_t kApplication = 0x736d7467;
// Another worker may be writing.
constexpr int kPatienceMilliseconds = 5000;

// Half a millisecond of work. A scheduler lets a thread that has begun go on for some
// milliseconds; should the event loop's be waiting for the same processor, it need not.
constexpr std::size_t kRowsAtOnce = 32;

// Both forms outlive the step that follows: nothing is copied. It is not called bind(), since a
// std::string would be given to std::bind.
void bind_text(sqlite3_stmt* statement, int at, std::string_view text) {
  ::sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}
void bind(sqlite3_stmt* statement, int at, Moment moment) {
  ::sqlite3_bind_int64(statement, at, seconds_of(moment));
}
void bind(sqlite3_stmt* statement, int at, float number) {
  ::sqlite3_bind_double(statement, at, double{number});
}

std::string_view text_at(sqlite3_stmt* row, int column) {
  const auto* const text = reinterpret_cast<const char*>(::sqlite3_column_text(row, column));
  const int size = ::sqlite3_column_bytes(row, column);
  return text == nullptr ? std::string_view()
                         : std::string_view(text, static_cast<std::size_t>(size));
}
Moment moment_in(sqlite3_stmt* row, int column) {
  return moment_at(::sqlite3_column_int64(row, column));
}
// Whatever somebody wrote there by hand: no count is below zero, or no number.
float count_in(sqlite3_stmt* row, int column) {
  const double number = ::sqlite3_column_double(row, column);
  return number > 0 && number < 1e9 ? static_cast<float>(number) : 0;
}

std::optional<Record> record_in(sqlite3_stmt* row) {
  const auto kind = kind_of(text_at(row, 0));
  const auto key = kind ? Key::restore(*kind, text_at(row, 1)) : std::nullopt;
  if (!key) {
    return {};
  }
  Record record;
  record.key = *key;
  record.first_seen = moment_in(row, 2);
  record.last_seen = moment_in(row, 3);
  record.expires = moment_in(row, 4);
  for (std::size_t trait = 0; trait < kTraits; ++trait) {
    record.holds_until[trait] = moment_in(row, 5 + static_cast<int>(trait));
  }
  record.counts = {count_in(row, 8), count_in(row, 9), count_in(row, 10), count_in(row, 11),
                   count_in(row, 12)};
  record.failed_hosts = static_cast<std::uint64_t>(::sqlite3_column_int64(row, 13));
  return record;
}

}  // namespace

const int Database::kVersion = static_cast<int>(kMigrations.size());

void Database::CloseConnection::operator()(sqlite3* connection) const {
  ::sqlite3_close_v2(connection);
}

void Database::EndStatement::operator()(sqlite3_stmt* statement) const {
  ::sqlite3_finalize(statement);
}

Database::Database() = default;
Database::~Database() {
  close();
}

void Database::close() {
  put_.reset();
  erase_.reset();
  put_block_.reset();
  erase_block_.reset();
  foreign_.reset();
  connection_.reset();
}

Trouble Database::trouble(int code) const {
  const int primary = code & 0xFF;
  const bool is_damaged = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB ||
                          primary == SQLITE_ERROR || primary == SQLITE_CONSTRAINT;
  return {is_damaged ? Trouble::Kind::Damaged : Trouble::Kind::Unavailable,
          connection_ ? ::sqlite3_errmsg(connection_.get()) : ::sqlite3_errstr(code)};
}

Troubled Database::run(const char* sql) {
  const int code = ::sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Troubled() : trouble(code);
}

Troubled Database::prepare(Statement& statement, const char* sql) {
  sqlite3_stmt* made = nullptr;
  const int code =
      ::sqlite3_prepare_v3(connection_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
  statement.reset(made);
  return code == SQLITE_OK ? Troubled() : trouble(code);
}

std::int64_t Database::number_of(const char* pragma) {
  Statement statement;
  if (prepare(statement, pragma) || ::sqlite3_step(statement.get()) != SQLITE_ROW) {
    return 0;
  }
  return ::sqlite3_column_int64(statement.get(), 0);
}

Troubled Database::open(const std::string& path) {
  close();
  sqlite3* made = nullptr;
  const int code =
      ::sqlite3_open_v2(path.c_str(), &made,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  connection_.reset(made);
  Troubled failed = code == SQLITE_OK ? Troubled() : trouble(code);
  if (!failed) {
    ::sqlite3_extended_result_codes(made, 1);
    ::sqlite3_busy_timeout(made, kPatienceMilliseconds);
    failed =
        run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
            "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;");
  }
  if (!failed) {
    failed = migrate();
  }
  if (!failed) {
    failed = prepare(put_, kPut);
  }
  if (!failed) {
    failed = prepare(erase_, kErase);
  }
  if (!failed) {
    failed = prepare(put_block_, kPutBlock);
  }
  if (!failed) {
    failed = prepare(erase_block_, kEraseBlock);
  }
  if (!failed) {
    failed = prepare(foreign_, "PRAGMA data_version");
  }
  if (failed) {
    close();
  }
  return failed;
}

// Under the write lock from before the version is read: two workers may open a new file at once.
Troubled Database::migrate() {
  Troubled failed = run("BEGIN IMMEDIATE");
  if (failed) {
    return failed;
  }
  const std::int64_t version = number_of("PRAGMA user_version");
  const std::int64_t application = number_of("PRAGMA application_id");
  if (version > kVersion || (application != kApplication && application != 0)) {
    run("ROLLBACK");
    return Trouble{Trouble::Kind::TooNew,
                   application != kApplication && application != 0
                       ? "is another program's"
                       : fmt::format("has schema {}, this smtpguard knows {}", version, kVersion)};
  }
  for (std::int64_t next = version; next < kVersion && !failed; ++next) {
    failed = run(kMigrations[static_cast<std::size_t>(next)]);
  }
  if (!failed && version < kVersion) {
    failed = run(
        fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplication, kVersion)
            .c_str());
  }
  if (!failed) {
    failed = run("COMMIT");
  }
  if (failed) {
    run("ROLLBACK");
  }
  return failed;
}

Troubled Database::step(sqlite3_stmt* statement) {
  const int code = ::sqlite3_step(statement);
  Troubled failed = code == SQLITE_DONE ? Troubled() : trouble(code);
  ::sqlite3_reset(statement);
  return failed;
}

Troubled Database::write_block(const Block& block, bool is_gone) {
  sqlite3_stmt* const statement = is_gone ? erase_block_.get() : put_block_.get();
  const std::string network = block.network.to_string();
  bind_text(statement, 1, network);
  if (!is_gone) {
    bind_text(statement, 2, block.author);
    bind_text(statement, 3, block.reason);
    bind(statement, 4, block.since);
    bind(statement, 5, block.until);
    bind(statement, 6, block.changed);
    ::sqlite3_bind_int64(statement, 7, block.times);
  }
  return step(statement);
}

Troubled Database::write_one(const Change& change) {
  if (change.block) {
    return write_block(*change.block, change.is_gone);
  }
  const Record& record = change.record;
  const std::string_view kind = to_string(record.key.kind());
  sqlite3_stmt* const statement = change.is_gone ? erase_.get() : put_.get();
  bind_text(statement, 1, kind);
  bind_text(statement, 2, record.key.text());
  if (!change.is_gone) {
    bind(statement, 3, record.first_seen);
    bind(statement, 4, record.last_seen);
    bind(statement, 5, record.expires);
    for (std::size_t trait = 0; trait < kTraits; ++trait) {
      bind(statement, 6 + static_cast<int>(trait), record.holds_until[trait]);
    }
    const Counts& counts = record.counts;
    int at = 9;
    for (const float count :
         {counts.accepted, counts.refused, counts.unknown, counts.early, counts.junk}) {
      bind(statement, at++, count);
    }
    ::sqlite3_bind_int64(statement, 14, static_cast<std::int64_t>(record.failed_hosts));
  }
  return step(statement);
}

Troubled Database::write(const std::vector<Change>& changes) {
  Troubled failed = run("BEGIN IMMEDIATE");
  if (failed) {
    return failed;
  }
  for (std::size_t next = 0; next < changes.size() && !failed; ++next) {
    failed = write_one(changes[next]);
    if (next % kRowsAtOnce == kRowsAtOnce - 1) {
      std::this_thread::yield();
    }
  }
  if (!failed) {
    failed = run("COMMIT");
  }
  if (failed) {
    run("ROLLBACK");
  }
  return failed;
}

Troubled Database::read(Moment since, const std::function<bool(const Record&)>& visit) {
  Statement rows;
  Troubled failed = prepare(rows, kRead);
  if (failed) {
    return failed;
  }
  bind(rows.get(), 1, since);
  int code = SQLITE_ROW;
  while ((code = ::sqlite3_step(rows.get())) == SQLITE_ROW) {
    const auto record = record_in(rows.get());
    if (record && !visit(*record)) {
      return {};
    }
  }
  return code == SQLITE_DONE ? Troubled() : trouble(code);
}

Troubled Database::read_blocks(std::vector<Block>& blocks) {
  Statement rows;
  Troubled failed = prepare(rows, kReadBlocks);
  if (failed) {
    return failed;
  }
  int code = SQLITE_ROW;
  while ((code = ::sqlite3_step(rows.get())) == SQLITE_ROW && blocks.size() < BlockList::kMost) {
    const auto network = Cidr::parse(text_at(rows.get(), 0));
    if (!network) {
      continue;
    }
    Block block;
    block.network = *network;
    block.author = text_at(rows.get(), 1);
    block.reason = text_at(rows.get(), 2);
    block.since = moment_in(rows.get(), 3);
    block.until = moment_in(rows.get(), 4);
    block.changed = moment_in(rows.get(), 5);
    block.times = static_cast<std::uint32_t>(seconds_of(moment_in(rows.get(), 6)));
    blocks.push_back(std::move(block));
  }
  return code == SQLITE_DONE || code == SQLITE_ROW ? Troubled() : trouble(code);
}

// Writes what stands there already, but writes it.
Troubled Database::try_to_write() {
  return run(fmt::format("PRAGMA user_version = {}", kVersion).c_str());
}

std::int64_t Database::foreign_changes() {
  std::int64_t number = 0;
  if (foreign_ && ::sqlite3_step(foreign_.get()) == SQLITE_ROW) {
    number = ::sqlite3_column_int64(foreign_.get(), 0);
  }
  ::sqlite3_reset(foreign_.get());
  return number;
}

}  // namespace smtpguard::filters::memory
