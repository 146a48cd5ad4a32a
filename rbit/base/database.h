#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/backoff.h"
#include "rbit/base/lifetime.h"
#include "rbit/base/log_sync.h"
#include "rbit/base/notice.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"

struct sqlite3;
struct sqlite3_file;
struct sqlite3_stmt;

namespace rbit {

class Database;

/// Bytes that are bound as such, not as text.
struct Blob {
  std::string_view bytes;
};

/// One SQL statement, prepared once and kept by its Database. Bind in order, then step.
/// What is bound as text or blob must live until `run` has returned or the Statement is gone.
/// A Statement is a local variable: none may live across a co_await.
class Statement {
 public:
  Statement(Statement&&) noexcept;
  ~Statement();  // hands it back, so that it can be used again

  Statement& bind(std::int64_t value);
  Statement& bind(std::string_view text);
  Statement& bind_blob(std::string_view bytes);
  Statement& bind_null();
  Statement& bind(Blob blob) { return bind_blob(blob.bytes); }
  /// Several, one after another.
  template <class First, class... Others>
  requires(sizeof...(Others) > 0) Statement& bind(const First& first, const Others&... others) {
    bind(first);
    return bind(others...);
  }

  /// Returns true if a row is there, false after the last one.
  Result<bool> step();
  /// Steps to the end; then it can be bound and run again.
  Result<void> run();

  std::int64_t integer(int column) const;
  std::string text(int column) const { return std::string(view(column)); }  // NULL gives ""
  std::string blob(int column) const { return text(column); }
  std::string_view view(int column) const;  // good until the next step
  bool is_null(int column) const;
  /// Puts the columns from `first` on into these, one after another.
  template <class... Values>
  void read(int first, Values&... into) const {
    (get(first++, into), ...);
  }

 private:
  friend class Database;
  Statement(Database& database, sqlite3_stmt* statement);
  void note(int code);  // what binding the value of parameter `next_` came to
  void get(int column, std::int64_t& into) const { into = integer(column); }
  void get(int column, int& into) const { into = static_cast<int>(integer(column)); }
  void get(int column, bool& into) const { into = integer(column) != 0; }
  void get(int column, std::string& into) const { into = text(column); }
  Database* database_;
  sqlite3_stmt* statement_;
  int next_ = 1;
  int refused_ = 0;  // why it was not prepared, or the first value that could not be bound
};

/// What a write must outlive before the caller is answered.
enum class Durability {
  process,  // a crash of rbit: no sync (rbit/doc/traps.rst, sqlite-sync)
  power,    // a power cut too: the commit is synced
};

/// Whether a write may take the space that is kept for a full disk (`Database::on_full`).
enum class Reserve { keep, use };

/// The one SQLite file of an rbit: WAL, one connection, on the loop's thread (rbit/doc/traps.rst,
/// sqlite-one-connection). Every return code becomes an Error that names the file.
///
/// Writes of one turn of the loop share one commit: `write` queues the change, the commit follows
/// at the end of the turn, and then they are answered; those that ask for `power` once a sync of
/// the log has ended that began after it. A thread makes that sync, and commits go on meanwhile. A
/// change that fails is rolled back alone (savepoint); a commit that fails fails them all.
///
/// Without `power` a commit costs no sync, but for those every 3 MiB when SQLite copies its log
/// into the file. The log is given its size, 4 MiB, with its first sync, and keeps it. After a
/// failed sync or write, or on a full disk, nothing is written until the file was opened and
/// checked anew, with pauses from 200 ms to 10 s; meanwhile every write is answered with an Error,
/// and so is what is read while the file cannot be opened.
class Database {
 public:
  /// May be run more than once; only the last run is on record.
  using Change = std::function<Result<void>(Database&)>;

  /// Opens or makes the file, for this process alone. `path` may be ":memory:".
  static Result<std::unique_ptr<Database>> open(const asio::any_io_executor& loop,
                                                const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Bad SQL is our bug: throws Fatal{internal}. Of a sick file the Statement gives the Error.
  Statement prepare(std::string_view sql);
  /// The same with these values bound. REQUIRES: texts among them live as long as the Statement.
  template <class... Values>
  requires(sizeof...(Values) > 0) Statement prepare(std::string_view sql, const Values&... values) {
    Statement statement = prepare(sql);
    statement.bind(values...);
    return statement;
  }
  /// Runs one statement with these values to its end.
  template <class... Values>
  Result<void> run(std::string_view sql, const Values&... values) {
    return prepare(sql, values...).run();
  }
  /// Runs statements that bind nothing, and are not kept.
  Result<void> execute(const char* sql);
  std::int64_t last_insert_id() const;
  int changes() const;

  /// The group commit. The Change runs at the end of this turn of the loop; it may refer to what
  /// the awaiting coroutine owns, for it is not run if that coroutine is gone.
  Task<Result<void>> write(Durability durability, Change change, Reserve reserve = Reserve::keep);
  /// The same, with nobody waiting: a failure is logged.
  void post(Durability durability, Change change);
  /// The same for what may be lost in a crash, and in nothing else: it rides on the next commit,
  /// before all else there, or on one of its own after 50 ms, or when 32 of them wait; `in_bulk`,
  /// only on these, where many together touch few pages. One that failed is made again later.
  enum class Ride { next_commit, in_bulk };
  void post_lazily(Change change, Ride ride = Ride::next_commit);
  /// Commits what is queued and what waits lazily, now.
  void flush();

  /// `make_room` frees space on the disk at once and says whether it did. It is called when a write
  /// that may use the reserve meets a full disk; the write is then tried again.
  void on_full(std::function<bool()> make_room) { make_room_ = std::move(make_room); }

  /// `undone` is called at once when what Changes did may be gone: a change or a commit has failed,
  /// or a sick file was opened anew. For who keeps in memory what they wrote; nullptr: nobody.
  void on_undone(std::function<void()> undone) { undone_ = std::move(undone); }

  /// Writes what is queued and closes the file, for it is another process's from now on. Every
  /// write is answered with an Error then, and so is what is read.
  void leave();

  /// `PRAGMA quick_check`, as far as it gets within `limit`.
  Result<void> check(std::chrono::milliseconds limit);
  /// Writes a copy to the new file `to`, through SQLite.
  Result<void> back_up(const std::string& to);

  const std::string& path() const { return path_; }

 private:
  friend class Statement;
  struct Waiter;
  struct Cache;

  Database(const asio::any_io_executor& loop, std::string path);
  Result<void> connect();
  void close();
  Error error(const char* doing);
  void fell_sick(int code, const Error& why);
  static int after_commit(void* self, sqlite3* handle, const char* name, int pages);
  void keep(sqlite3_stmt* statement);
  void enqueue(std::shared_ptr<Waiter> waiter);
  void commit_soon();
  void commit_queue();
  void wait_lazily(std::chrono::milliseconds pause);
  Result<void> ready_to_write();
  Result<void> heal();
  bool made_room_for(const std::vector<std::shared_ptr<Waiter>>& batch);
  Result<void> commit(std::vector<std::shared_ptr<Waiter>>& batch);
  Result<void> commit_one_by_one(std::vector<std::shared_ptr<Waiter>>& batch);
  Error roll_back(Error why);
  Error lost_transaction(const Result<void>& why);
  sqlite3_file* log() const;
  void sync_what_waits();
  void sync_later();
  void synced(int code);
  Result<void> sync_came_to(int code);
  void refuse_unsynced();
  void wait_for_sync();
  int make_log(sqlite3_file* file);
  bool empty_log();

  asio::any_io_executor loop_;
  std::string path_;
  sqlite3* handle_ = nullptr;
  std::unique_ptr<Cache> cache_;
  std::vector<std::shared_ptr<Waiter>> queue_;
  std::vector<Change> lazy_, in_bulk_;
  bool bulk_is_due_ = false;
  bool waits_lazily_ = false;  // `lazy_timer_` runs
  asio::steady_timer lazy_timer_;
  bool commit_due_ = false;
  std::vector<std::shared_ptr<Waiter>> unsynced_, syncing_;  // committed; they want `power`
  bool log_is_made_ = false;     // by this connection: it has its size, and was synced
  bool waits_for_sync_ = false;  // no other one begins now
  bool sync_is_due_ = false;     // `sync_timer_` runs, to `next_sync_`
  asio::steady_timer sync_timer_;
  std::chrono::steady_clock::time_point next_sync_;
  int many_pages_ = 0;  // so many in the log, and it is copied into the file
  std::function<bool()> make_room_;
  std::function<void()> undone_;
  bool sick_ = false;          // a write or a sync failed: the connection is not to be believed
  bool full_ = false;          // for lack of space
  bool log_doubtful_ = false;  // a sync failed: what the log holds may be on no disk
  Error trouble_;              // what made it sick
  std::chrono::steady_clock::time_point heal_after_{};
  Backoff heal_pauses_;
  LogSync log_sync_;
  Lifetime lifetime_;  // a commit that comes too late sees it
};

}  // namespace rbit
