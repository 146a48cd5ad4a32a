#include "rbit/base/database.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <unordered_map>
#include <utility>

#include "rbit/base/fd.h"
#include "rbit/base/log.h"

namespace rbit {

namespace {

const char* cure_of(int code) {
  switch (code & 0xFF) {  // the primary code; the rest says more of the same
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another rbit has this file open; ask that one, or stop it first";
    case SQLITE_FULL:
      return "the disk is full: make room";
    case SQLITE_IOERR:
      return "the disk does not do what it should: look into the kernel's log";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "the file is damaged: stop rbit, move it away, start again; the copy beside it or "
             "`sqlite3 FILE .recover` may have what is lost";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return "the user rbit runs as must be able to write the file and its directory";
    default:
      return "";
  }
}

}  // namespace

// ---- Statement

Statement::Statement(Database& database, sqlite3_stmt* statement)
    : database_(&database), statement_(statement) {}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      next_(other.next_),
      refused_(other.refused_) {}

Statement::~Statement() {
  if (statement_ != nullptr) database_->keep(statement_);
}

void Statement::note(int code) {
  ++next_;
  if (code != SQLITE_OK && refused_ == SQLITE_OK) refused_ = code;
}

Statement& Statement::bind(std::int64_t value) {
  note(sqlite3_bind_int64(statement_, next_, value));
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  // A null pointer would bind NULL, and an empty string_view may have one.
  const char* data = text.data() == nullptr ? "" : text.data();
  note(sqlite3_bind_text64(statement_, next_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  note(sqlite3_bind_blob64(statement_, next_, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::bind_null() {
  note(sqlite3_bind_null(statement_, next_));
  return *this;
}

Result<bool> Statement::step() {
  if (refused_ != SQLITE_OK)
    return Error{database_->path_, std::string("binding a value: ") + sqlite3_errstr(refused_), ""};
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->error(sqlite3_stmt_readonly(statement_) != 0 ? "reading" : "writing");
}

Result<void> Statement::run() {
  for (;;) {
    const auto row = step();
    if (row && *row) continue;
    sqlite3_reset(statement_);  // says again what step said
    next_ = 1;
    if (!row) return row.error();
    return {};
  }
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string Statement::blob(int column) const {
  return std::string(view(column));
}

std::string_view Statement::view(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

// ---- Database

/// Statements that are not in use, by their SQL. Two users of one SQL at a time get two.
struct Database::Cache {
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_multimap<std::string, sqlite3_stmt*, Hash, std::equal_to<>> idle;
};

/// One change on its way into a commit. `done` is null if nobody waits for it.
struct Database::Waiter {
  Durability durability = Durability::process;
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
      log::error("not on record: " + result.error().text());
    }
  }
};

Database::Database(const asio::any_io_executor& loop, std::string path)
    : loop_(loop), path_(std::move(path)), cache_(std::make_unique<Cache>()) {}

Database::~Database() {
  // What is still queued has no answer, so nothing was built on it: it is not written.
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
  // SQLite would make it readable for everybody. Its -wal file takes the mode over. A descriptor of
  // a file that SQLite has open already must never be closed (S3): one that is new is not.
  if (path_ != ":memory:") Fd(::open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));

  // One thread uses it (S1), so it needs no locks of its own.
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (sqlite3_open_v2(path_.c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
    const auto why = error("opening");
    close();
    return why;
  }
  // Exclusive: a second process is refused instead of sharing the file (S1), and the index of the
  // log needs no shared memory. Memory for what savepoints remember, else it would be a file.
  // A cache of 512 KiB: the default of 2 MB is what memory would still grow by after the start.
  for (const char* pragma :
       {"PRAGMA cache_size=-512", "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=NORMAL", "PRAGMA temp_store=MEMORY",
        "PRAGMA journal_size_limit=16777216", "BEGIN IMMEDIATE", "COMMIT"}) {
    const auto set = execute(pragma);
    if (!set) {
      close();
      return set;
    }
  }
  return {};
}

void Database::close() {
  for (auto& [sql, statement] : cache_->idle) sqlite3_finalize(statement);
  cache_->idle.clear();
  sqlite3_close(handle_);  // copies the log into the file and removes it
  handle_ = nullptr;
}

Error Database::error(const char* doing) const {
  if (handle_ == nullptr) return {path_, "the file is not open", ""};
  const int code = sqlite3_extended_errcode(handle_);
  return {path_, std::string(doing) + ": " + sqlite3_errmsg(handle_), cure_of(code)};
}

Statement Database::prepare(std::string_view sql) {
  if (const auto found = cache_->idle.find(sql); found != cache_->idle.end()) {
    sqlite3_stmt* kept = found->second;
    cache_->idle.erase(found);
    return {*this, kept};
  }
  sqlite3_stmt* statement = nullptr;
  if (handle_ == nullptr ||
      sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
    throw Fatal(ExitCode::internal, error(("preparing '" + std::string(sql) + "'").c_str()));
  return {*this, statement};
}

void Database::keep(sqlite3_stmt* statement) {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);  // what they point to is about to go
  cache_->idle.emplace(sqlite3_sql(statement), statement);
}

Result<void> Database::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return error(sql);
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(handle_);
}

int Database::changes() const {
  return sqlite3_changes(handle_);
}

// ---- Group commit

Task<Result<void>> Database::write(Durability durability, Change change) {
  auto waiter = std::make_shared<Waiter>();
  waiter->durability = durability;
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

void Database::enqueue(std::shared_ptr<Waiter> waiter) {
  queue_.push_back(std::move(waiter));
  if (commit_due_) return;
  commit_due_ = true;
  // After everything that is ready now has had its turn: their changes share the commit.
  asio::post(loop_, [this, alive = std::weak_ptr<void>(alive_)] {
    if (!alive.expired()) flush();
  });
}

void Database::flush() {
  commit_due_ = false;
  auto batch = std::exchange(queue_, {});
  std::erase_if(batch, [](const auto& waiter) { return !waiter->change; });
  if (batch.empty()) return;

  bool sync = false;
  for (const auto& waiter : batch) sync = sync || waiter->durability == Durability::power;
  const auto result = ready_to_write();
  const auto committed = result ? commit(batch, sync) : result;
  for (const auto& waiter : batch) {
    if (!committed)
      waiter->answer(committed);
    else
      waiter->answer(std::move(waiter->result));
  }
}

Result<void> Database::commit(std::vector<std::shared_ptr<Waiter>>& batch, bool sync) {
  if (const auto begun = run_once("BEGIN IMMEDIATE"); !begun) return begun;
  const bool alone = batch.size() == 1;
  int good = 0;
  for (const auto& waiter : batch) {
    if (!alone)
      if (const auto saved = run_once("SAVEPOINT change"); !saved) return roll_back(saved.error());
    waiter->result = waiter->change(*this);
    // Some errors (a full disk, a failed write) end the whole transaction at once.
    if (sqlite3_get_autocommit(handle_) != 0) return lost_transaction(waiter->result);
    if (waiter->result) ++good;
    if (alone) break;
    if (!waiter->result)
      if (const auto undone = run_once("ROLLBACK TO change"); !undone)
        return roll_back(undone.error());
    if (const auto kept = run_once("RELEASE change"); !kept) return roll_back(kept.error());
  }
  if (good == 0) return run_once("ROLLBACK");
  if (const auto done = run_once("COMMIT"); !done) return roll_back(done.error());
  return sync ? sync_log() : Result<void>();
}

Result<void> Database::run_once(const char* sql) {
  return prepare(sql).run();
}

Error Database::roll_back(Error why) {
  if (sqlite3_get_autocommit(handle_) == 0) (void)execute("ROLLBACK");
  return why;
}

Error Database::lost_transaction(const Result<void>& why) {
  if (!why) return why.error();
  return {path_, "a change ended the transaction of all", "this is a mistake in rbit"};
}

Result<void> Database::sync_log() {
  // With synchronous=NORMAL a commit only writes the log. What FULL would add is this one sync of
  // the log, through SQLite's own descriptor of it (S2, S3); the first one of a new log also syncs
  // its directory. A database in memory has no log.
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK ||
      file == nullptr || file->pMethods == nullptr)
    return {};
  const int code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
  if (code == SQLITE_OK) return {};
  sick_ = true;  // a second sync would lie: the kernel has dropped the pages (S4)
  return Error{path_, std::string("syncing the log: ") + sqlite3_errstr(code), cure_of(code)};
}

Result<void> Database::ready_to_write() {
  if (!sick_) return {};
  // Not at every turn of the loop: the check reads the whole file.
  const auto now = std::chrono::steady_clock::now();
  if (now < heal_after_)
    return Error{path_, "not writable since a sync failed; it is tried again soon",
                 cure_of(SQLITE_IOERR)};
  heal_after_ = now + std::chrono::seconds(5);
  close();
  if (const auto opened = connect(); !opened) return opened;
  if (const auto sound = check(std::chrono::seconds(5)); !sound) return sound;
  // Writes every page of the log anew, to the file, and syncs that: then it holds again.
  int left = 0;
  if (sqlite3_wal_checkpoint_v2(handle_, "main", SQLITE_CHECKPOINT_TRUNCATE, &left, nullptr) !=
      SQLITE_OK)
    return error("copying the log into the file");
  sick_ = false;
  return {};
}

// ---- Care

Result<void> Database::check(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  sqlite3_progress_handler(
      handle_, 10'000,  // virtual machine steps between two looks at the clock: under a millisecond
      [](void* until) {
        const auto late = std::chrono::steady_clock::now() >=
                          *static_cast<std::chrono::steady_clock::time_point*>(until);
        return late ? 1 : 0;
      },
      const_cast<std::chrono::steady_clock::time_point*>(&end));
  auto statement = prepare("PRAGMA quick_check(1)");
  const auto row = statement.step();
  const bool out_of_time = !row && (sqlite3_errcode(handle_) & 0xFF) == SQLITE_INTERRUPT;
  sqlite3_progress_handler(handle_, 0, nullptr, nullptr);
  if (out_of_time) return {};  // too large to read in that time; what it has seen is sound
  if (!row) return row.error();
  if (*row && statement.text(0) != "ok")
    return Error{path_, "damaged: " + statement.text(0), cure_of(SQLITE_CORRUPT)};
  return {};
}

Result<void> Database::back_up(const std::string& to) {
  Fd(::open(to.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  sqlite3* copy = nullptr;
  Result<void> result;
  const auto failed = [&] {
    return Error{to, std::string("writing a copy: ") + sqlite3_errmsg(copy),
                 cure_of(sqlite3_extended_errcode(copy))};
  };
  if (sqlite3_open_v2(to.c_str(), &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) !=
      SQLITE_OK) {
    result = failed();
  } else if (sqlite3_backup* backup = sqlite3_backup_init(copy, "main", handle_, "main")) {
    (void)sqlite3_backup_step(backup, -1);
    if (sqlite3_backup_finish(backup) != SQLITE_OK) result = failed();
  } else {
    result = failed();
  }
  sqlite3_close(copy);
  return result;
}

}  // namespace rbit
