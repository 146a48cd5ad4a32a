#include "rbit/base/database.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <iterator>
#include <utility>

#include "rbit/base/complaint.h"
#include "rbit/base/fd.h"
#include "rbit/base/sqlite_codes.h"

namespace rbit {

namespace {

// Pauses between two tries to open a sick file anew.
constexpr std::chrono::milliseconds first_heal_pause{200}, longest_heal_pause{10'000};

// What the log has from its first sync on, in bytes, and may hold before it is copied into the
// file. Its header, and what a frame has before its page, are SQLite's.
constexpr int log_size = 4 << 20, log_header = 32, frame_header = 24;

}  // namespace

/// Statements that are not in use, by their SQL. Two users of one SQL at a time get two.
/// Statements that nobody uses now, by their text, which is their own.
struct Database::Cache {
  std::unordered_map<std::string_view, std::vector<sqlite3_stmt*>> idle;
};

/// One change on its way into a commit. `done` is null if nobody waits for it.
struct Database::Waiter {
  Durability durability = Durability::process;
  Reserve reserve = Reserve::keep;
  Change change;  // empty: whoever wanted it is gone
  std::unique_ptr<Notice> done;
  bool answered = false;
  Result<void> result;

  void answer(Result<void> with) {
    result = std::move(with);
    answered = true;
    change = nullptr;
    if (done) {
      done->notify();
    } else if (!result) {
      complain("not on record: " + result.error().text(), Complaint::goes_on);
    }
  }
};

Database::Database(const asio::any_io_executor& loop, std::string path)
    : loop_(loop),
      path_(std::move(path)),
      cache_(std::make_unique<Cache>()),
      lazy_timer_(loop),
      sync_timer_(loop),
      heal_pauses_(first_heal_pause, longest_heal_pause),
      log_sync_(loop, [this](int code) { synced(code); }) {}

Database::~Database() {
  // What is still queued has no answer, so nothing was built on it: it is not written. Whoever
  // waited for a sync may be gone.
  syncing_.clear();
  close();
}

Result<std::unique_ptr<Database>> Database::open(const asio::any_io_executor& loop,
                                                 const std::string& path) {
  std::unique_ptr<Database> database(new Database(loop, path));
  const auto opened = database->connect();
  if (!opened) return opened.error();
  return database;
}

Result<void> Database::connect() {
  // SQLite would make the file readable for everybody, so we make it; the -wal file takes its mode
  // over. Closing a descriptor drops all locks that this process has on the file, SQLite's too, but
  // of a file that is new it has none.
  if (path_ != ":memory:") Fd(::open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));

  // One thread uses it, so it needs no locks of its own.
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (sqlite3_open_v2(path_.c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
    const auto why = error("opening");
    close();
    return why;
  }
  // Exclusive, and first, before anything is read: a second process is refused instead of sharing
  // the file, and the index of the log needs no shared memory. Memory for what savepoints remember,
  // else it would be a file. A cache of 512 KiB: the default of 2 MB is what memory would still
  // grow by after the start. Pages of a new file have half the usual size: a commit writes a few
  // bytes, and whole pages.
  for (const char* pragma :
       {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA page_size=2048", "PRAGMA cache_size=-512",
        "PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA temp_store=MEMORY",
        "PRAGMA journal_size_limit=4194304", "BEGIN IMMEDIATE", "COMMIT"}) {
    const auto set = execute(pragma);
    if (!set) {
      close();
      return set;
    }
  }
  auto page_size = prepare("PRAGMA page_size");
  if (const auto row = page_size.step(); !row) return row.error();
  // Three quarters of it: one commit more must have room.
  many_pages_ =
      (log_size - log_header) / 4 * 3 / (frame_header + static_cast<int>(page_size.integer(0)));
  log_is_made_ = false;
  sqlite3_wal_hook(handle_, after_commit, this);
  return {};
}

/// Copies the log into the file when it has grown enough. SQLite's own hook does the same and keeps
/// failures to itself; but a sync of the log that failed must not be made again and believed
/// (rbit/doc/traps.rst, sqlite-failed-sync).
int Database::after_commit(void* self, sqlite3* handle, const char* name, int pages) {
  auto& database = *static_cast<Database*>(self);
  if (pages < database.many_pages_) return SQLITE_OK;
  database.wait_for_sync();  // one of the log is made here, too
  const int code =
      sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK && code != SQLITE_BUSY)
    (void)database.error("copying the log into the file");
  return SQLITE_OK;  // what was committed is committed
}

void Database::close() {
  wait_for_sync();
  const auto idle = std::exchange(cache_->idle, {});
  for (const auto& [sql, statements] : idle)
    for (sqlite3_stmt* const statement : statements) sqlite3_finalize(statement);
  if (handle_ == nullptr) return;
  // A sick one takes its log for whole. Opened anew, the sums in the log tell what is.
  if (sick_ || empty_log())
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_close(handle_);  // else copies the log into the file and removes it
  handle_ = nullptr;
}

Error Database::error(const char* doing) {
  if (handle_ == nullptr) return {path_, "the file is not open", ""};
  const int code = sqlite3_extended_errcode(handle_);
  Error why{path_, std::string(doing) + ": " + sqlite3_errmsg(handle_), sqlite::cure_of(code)};
  if (const int os = sqlite::system_errno(handle_, code); os != 0)
    why.reason += std::string(" (") + std::strerror(os) + ")";
  fell_sick(code, why);
  return why;
}

void Database::fell_sick(int code, const Error& why) {
  if (!sqlite::makes_sick(code)) return;
  const int os = sqlite::system_errno(handle_, code);
  full_ = full_ || (code & 0xFF) == SQLITE_FULL || os == ENOSPC || os == EDQUOT;
  log_doubtful_ = log_doubtful_ || (code & 0xFF) == SQLITE_IOERR;
  trouble_ = why;
  sick_ = true;
}

Statement Database::prepare(std::string_view sql) {
  if (const auto found = cache_->idle.find(sql);
      found != cache_->idle.end() && !found->second.empty()) {
    sqlite3_stmt* const kept = found->second.back();
    found->second.pop_back();
    return {*this, kept};
  }
  sqlite3_stmt* statement = nullptr;
  const int code = handle_ == nullptr
                       ? SQLITE_CANTOPEN
                       : sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                            SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if ((code & 0xFF) == SQLITE_ERROR)
    throw Fatal(ExitCode::internal, error(("preparing '" + std::string(sql) + "'").c_str()));
  Statement prepared(*this, statement);
  if (code != SQLITE_OK) {  // the schema could not be read
    (void)error("preparing");
    prepared.refused_ = code;
  }
  return prepared;
}

void Database::keep(sqlite3_stmt* statement) {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);  // what they point to is about to go
  cache_->idle[sqlite3_sql(statement)].push_back(statement);
}

Result<void> Database::execute(const char* sql) {
  if (handle_ != nullptr && sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK)
    return {};
  return error(sql);
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(handle_);
}

int Database::changes() const {
  return sqlite3_changes(handle_);
}

// ---- Group commit

Task<Result<void>> Database::write(Durability durability, Change change, Reserve reserve) {
  auto waiter = std::make_shared<Waiter>();
  waiter->durability = durability;
  waiter->reserve = reserve;
  waiter->change = std::move(change);
  waiter->done = std::make_unique<Notice>(loop_);
  // A coroutine that is destroyed while it waits takes along what its change refers to.
  struct Withdraw {
    Waiter& waiter;
    ~Withdraw() { waiter.change = nullptr; }
  } withdraw{*waiter};
  enqueue(waiter);
  while (!waiter->answered) co_await waiter->done->wait();
  co_return std::move(waiter->result);
}

void Database::post(Durability durability, Change change) {
  auto waiter = std::make_shared<Waiter>();
  waiter->durability = durability;
  waiter->change = std::move(change);
  enqueue(std::move(waiter));
}

void Database::post_lazily(Change change, Ride ride) {
  constexpr std::size_t many = 32;
  constexpr std::chrono::milliseconds long_enough{50};
  std::vector<Change>& waiting = ride == Ride::in_bulk ? in_bulk_ : lazy_;
  waiting.push_back(std::move(change));
  if (waiting.size() >= many) {
    bulk_is_due_ = bulk_is_due_ || ride == Ride::in_bulk;
    commit_soon();
  }
  if (!waits_lazily_) wait_lazily(long_enough);
}

void Database::wait_lazily(std::chrono::milliseconds pause) {
  waits_lazily_ = true;
  lazy_timer_.expires_after(pause);
  lazy_timer_.async_wait([this, alive = lifetime_.watch()](boost::system::error_code cancelled) {
    if (cancelled || alive.is_over()) return;
    waits_lazily_ = false;
    flush();
  });
}

void Database::enqueue(std::shared_ptr<Waiter> waiter) {
  queue_.push_back(std::move(waiter));
  commit_soon();
}

void Database::commit_soon() {
  if (commit_due_) return;
  commit_due_ = true;
  // After everything that is ready now has had its turn: their changes share the commit.
  asio::post(loop_, [this, alive = lifetime_.watch()] {
    if (!alive.is_over()) commit_queue();
  });
}

void Database::flush() {
  bulk_is_due_ = true;
  commit_queue();
}

void Database::commit_queue() {
  commit_due_ = false;
  auto batch = std::exchange(queue_, {});
  std::erase_if(batch, [](const auto& waiter) { return !waiter->change; });
  std::vector<Change> lazy = std::exchange(lazy_, {});
  if (std::exchange(bulk_is_due_, false))
    for (Change& change : std::exchange(in_bulk_, {})) lazy.push_back(std::move(change));
  if (!lazy.empty()) {  // as one change: they fail as one
    if (in_bulk_.empty() && std::exchange(waits_lazily_, false)) lazy_timer_.cancel();
    batch.insert(batch.begin(), std::make_shared<Waiter>());
    batch.front()->change = [&lazy](Database& in) -> Result<void> {
      for (const Change& change : lazy)
        if (const auto done = change(in); !done) return done;
      return {};
    };
  }
  if (batch.empty()) return;

  auto committed = ready_to_write();
  if (committed) committed = commit(batch);
  if (!committed && made_room_for(batch)) {
    committed = ready_to_write();
    if (committed) committed = commit(batch);
  }
  if (!committed && undone_) undone_();
  if (!lazy.empty() && (!committed || !batch.front()->result)) {
    lazy_.insert(lazy_.begin(), lazy.begin(), lazy.end());
    wait_lazily(std::chrono::seconds(1));
  }
  for (const auto& waiter : batch) {
    if (!committed)
      waiter->answer(committed);
    else if (waiter->result && waiter->durability == Durability::power)
      unsynced_.push_back(waiter);
    else
      waiter->answer(std::move(waiter->result));
  }
  if (committed && unsynced_.empty() && !log_sync_.is_busy()) heal_pauses_.reset();
  sync_what_waits();
}

/// A write that may use the reserve met a full disk, and now there is room.
bool Database::made_room_for(const std::vector<std::shared_ptr<Waiter>>& batch) {
  const bool may = full_ && make_room_ &&
                   std::any_of(batch.begin(), batch.end(),
                               [](const auto& waiter) { return waiter->reserve == Reserve::use; });
  if (!may || !make_room_()) return false;
  heal_after_ = {};
  return true;
}

/// They share a transaction, and one that fails takes nobody along: where one does, all of it is
/// undone and made again with a savepoint before each.
Result<void> Database::commit(std::vector<std::shared_ptr<Waiter>>& batch) {
  if (const auto begun = run("BEGIN IMMEDIATE"); !begun) return begun;
  for (const auto& waiter : batch) {
    waiter->result = waiter->change(*this);
    // Some errors (a full disk, a failed write) end the whole transaction at once.
    if (sqlite3_get_autocommit(handle_) != 0) return lost_transaction(waiter->result);
    if (waiter->result) continue;
    const auto undone = run("ROLLBACK");
    if (undone_) undone_();
    if (!undone || batch.size() == 1) return undone;
    return commit_one_by_one(batch);
  }
  if (const auto done = run("COMMIT"); !done) return roll_back(done.error());
  return {};
}

Result<void> Database::commit_one_by_one(std::vector<std::shared_ptr<Waiter>>& batch) {
  if (const auto begun = run("BEGIN IMMEDIATE"); !begun) return begun;
  int good = 0;
  for (const auto& waiter : batch) {
    if (const auto saved = run("SAVEPOINT change"); !saved) return roll_back(saved.error());
    waiter->result = waiter->change(*this);
    if (sqlite3_get_autocommit(handle_) != 0) return lost_transaction(waiter->result);
    if (waiter->result) {
      ++good;
    } else {
      if (const auto undone = run("ROLLBACK TO change"); !undone) return roll_back(undone.error());
      if (undone_) undone_();
    }
    if (const auto kept = run("RELEASE change"); !kept) return roll_back(kept.error());
  }
  if (good == 0) {
    const auto undone = run("ROLLBACK");
    if (undone_) undone_();
    return undone;
  }
  if (const auto done = run("COMMIT"); !done) return roll_back(done.error());
  return {};
}

Error Database::roll_back(Error why) {
  if (sqlite3_get_autocommit(handle_) == 0) (void)execute("ROLLBACK");
  return why;
}

Error Database::lost_transaction(const Result<void>& why) {
  if (!why) return why.error();
  return {path_, "a change ended the transaction of all", "this is a mistake in rbit"};
}

// ---- The log

/// SQLite's own file of the log; nullptr: a database in memory has none.
sqlite3_file* Database::log() const {
  sqlite3_file* file = nullptr;
  if (path_ == ":memory:") return file;
  if (sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK ||
      file == nullptr || file->pMethods == nullptr)
    return nullptr;
  return file;
}

/// With synchronous=NORMAL a commit only writes the log. What FULL would add is one sync of the
/// log, through SQLite's own descriptor of it (rbit/doc/traps.rst, sqlite-sync). Those who come
/// while one is under way share the next, and so do those of one millisecond: a sync costs more
/// than a short job.
void Database::sync_what_waits() {
  if (unsynced_.empty() || log_sync_.is_busy() || waits_for_sync_ || sync_is_due_) return;
  if (log() != nullptr && std::chrono::steady_clock::now() < next_sync_) return sync_later();
  next_sync_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  syncing_ = std::exchange(unsynced_, {});
  if (log_doubtful_) return synced(SQLITE_IOERR_FSYNC);
  sqlite3_file* const file = log();
  if (file == nullptr) return synced(SQLITE_OK);
  // The first one of a connection syncs the log's directory, and changes what SQLite keeps of the
  // file while it does.
  if (!log_is_made_) return synced(make_log(file));
  log_sync_.begin(file);
}

void Database::sync_later() {
  sync_is_due_ = true;
  sync_timer_.expires_at(next_sync_);
  sync_timer_.async_wait([this, alive = lifetime_.watch()](boost::system::error_code) {
    if (alive.is_over()) return;
    sync_is_due_ = false;
    sync_what_waits();
  });
}

void Database::synced(int code) {
  // That it succeeded says nothing after one that did not (rbit/doc/traps.rst, sqlite-failed-sync).
  Result<void> result = log_doubtful_ ? Result<void>(trouble_) : sync_came_to(code);
  if (result) heal_pauses_.reset();
  for (const auto& waiter : std::exchange(syncing_, {}))
    waiter->answer(result ? std::move(waiter->result) : result);
  sync_what_waits();
}

void Database::refuse_unsynced() {
  for (const auto& waiter : std::exchange(unsynced_, {})) waiter->answer(trouble_);
}

Result<void> Database::sync_came_to(int code) {
  if (code == SQLITE_OK) return {};
  // A second sync would lie: the kernel has dropped the pages.
  const Error why{path_, std::string("syncing the log: ") + sqlite3_errstr(code),
                  sqlite::cure_of(code)};
  fell_sick(code, why);
  return why;
}

/// Before anybody but the thread syncs or closes the log. What waits for the next sync goes on
/// waiting.
void Database::wait_for_sync() {
  waits_for_sync_ = true;
  log_sync_.finish();
  waits_for_sync_ = false;
}

/// Gives the log its size and syncs it (rbit/doc/traps.rst, sqlite-log-size). What follows the last
/// frame is no frame, and nobody reads it. On a full disk the log grows as it is written.
int Database::make_log(sqlite3_file* file) {
  sqlite3_int64 size = log_size;
  (void)file->pMethods->xFileSize(file, &size);
  const std::string zeros(64 << 10, '\0');
  for (sqlite3_int64 at = size; at < log_size;) {
    const auto count = static_cast<int>(std::min<sqlite3_int64>(log_size - at, std::ssize(zeros)));
    if (file->pMethods->xWrite(file, zeros.data(), count, at) != SQLITE_OK) {
      (void)file->pMethods->xTruncate(file, size);
      break;
    }
    at += count;
  }
  log_is_made_ = true;
  return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

/// Copies the log into the file, and overwrites its header if it has its size: so it is empty for
/// who comes next, also beside another file, and nobody need make it again. Returns false if it
/// shall go.
bool Database::empty_log() {
  sqlite3_file* const file = log();
  sqlite3_int64 size = 0;
  if (file == nullptr || file->pMethods->xFileSize(file, &size) != SQLITE_OK || size < log_size)
    return false;
  int frames = 0, copied = 0;
  if (sqlite3_wal_checkpoint_v2(handle_, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &copied) !=
          SQLITE_OK ||
      frames != copied)
    return false;
  const char none[log_header] = {};
  return file->pMethods->xWrite(file, none, log_header, 0) == SQLITE_OK;
}

}  // namespace rbit
