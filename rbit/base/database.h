#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/notice.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"

struct sqlite3;
struct sqlite3_stmt;

namespace rbit {

class Database;

/// One SQL statement, prepared once and kept by its Database. Bind in order, then step.
/// A value bound as text or blob must live until the next `reset`.
class Statement {
 public:
  Statement(Statement&&) noexcept;
  ~Statement();  // resets it, so that it can be used again

  Statement& bind(std::int64_t value);
  Statement& bind(std::string_view text);
  Statement& bind_blob(std::string_view bytes);
  Statement& bind_null();

  /// True: a row is there. False: done.
  Result<bool> step();
  /// Steps to the end.
  Result<void> run();

  std::int64_t integer(int column) const;
  std::string text(int column) const;  // NULL gives ""
  std::string blob(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  Statement(Database& database, sqlite3_stmt* statement);
  Database* database_;
  sqlite3_stmt* statement_;
  int next_ = 1;
};

/// What a write must outlive before the caller is answered.
enum class Durability {
  process,  // a crash of rbit: no sync (RELIABILITY.md 1.3, S2)
  power,    // a power cut too: the commit is synced
};

/// The one SQLite file of an rbit: WAL, one connection, on the loop's thread (S1). Every return
/// code becomes an Error that names the file.
///
/// Writes of one turn of the loop share one commit: `write` queues the change, the commit follows
/// at the end of the turn, synced if one of them asks for it, and then all of them are answered. A
/// change that fails is rolled back alone (savepoint); a commit that fails fails them all.
class Database {
 public:
  using Change = std::function<Result<void>(Database&)>;

  /// Opens or makes the file. `path` may be ":memory:".
  static Result<std::unique_ptr<Database>> open(const asio::any_io_executor& loop,
                                                const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Statement prepare(std::string_view sql);  // bad SQL is our bug: throws Fatal{internal}
  Result<void> execute(const char* sql);
  std::int64_t last_insert_id() const;
  int changes() const;

  /// The group commit. The Change runs at the end of this turn of the loop.
  Task<Result<void>> write(Durability durability, Change change);
  /// Commits what is queued, now.
  void flush();

  const std::string& path() const { return path_; }

 private:
  friend class Statement;
  struct Waiter;

  Database(const asio::any_io_executor& loop, std::string path);
  Error error(const char* doing) const;
  Result<void> commit(std::vector<std::shared_ptr<Waiter>>& batch, bool sync);
  Result<void> sync_log();

  asio::any_io_executor loop_;
  std::string path_;
  sqlite3* handle_ = nullptr;
  struct Cache;
  std::unique_ptr<Cache> cache_;
  std::vector<std::shared_ptr<Waiter>> queue_;
  bool commit_due_ = false;
};

}  // namespace rbit
