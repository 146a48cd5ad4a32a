// Of rbit/base/database.h: its file is checked, copied and healed.
#include <fcntl.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "rbit/base/database.h"
#include "rbit/base/fd.h"
#include "rbit/base/sqlite_codes.h"

namespace rbit {

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
  if (*row && statement.text(0) != "ok") {
    const Error why{path_, "damaged: " + statement.text(0), sqlite::cure_of(SQLITE_CORRUPT)};
    fell_sick(SQLITE_CORRUPT, why);
    return why;
  }
  return {};
}

Result<void> Database::back_up(const std::string& to) {
  Fd(::open(to.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (handle_ == nullptr) return error("copying");
  sqlite3* copy = nullptr;
  Result<void> result;
  const auto failed = [&] {
    return Error{to, std::string("writing a copy: ") + sqlite3_errmsg(copy),
                 sqlite::cure_of(sqlite3_extended_errcode(copy))};
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

// ---- A sick file

Result<void> Database::ready_to_write() {
  if (!sick_) return {};
  const auto now = std::chrono::steady_clock::now();
  if (now < heal_after_) return trouble_;
  const auto healed = heal();
  const auto end = std::chrono::steady_clock::now();
  // The check may read the whole file, and the loop waits for it: never for long.
  heal_after_ = end + std::max(heal_pauses_.next_step(),
                               std::chrono::ceil<std::chrono::milliseconds>(10 * (end - now)));
  return healed;
}

void Database::leave() {
  flush();
  close();
  refuse_unsynced();
  trouble_ = {path_, "is another rbit's since we handed over", ""};
  sick_ = true;
  heal_after_ = std::chrono::steady_clock::time_point::max();
}

Result<void> Database::heal() {
  close();
  // What is committed may be lost: nobody is told that it is there.
  refuse_unsynced();
  if (const auto opened = connect(); !opened) return opened;
  if (const auto sound = check(std::chrono::seconds(5)); !sound) return sound;
  if (log_doubtful_) {
    // Writes every page of the log anew, to the file, and syncs that: then it holds again. The
    // sync after it is of the log's end: what is left of the old one must not be read again.
    if (sqlite3_wal_checkpoint_v2(handle_, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) !=
        SQLITE_OK)
      return error("copying the log into the file");
    if (sqlite3_file* const file = log(); file != nullptr)
      if (const auto done = sync_came_to(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL)); !done)
        return done;
  }
  sick_ = full_ = log_doubtful_ = false;
  if (undone_) undone_();
  return {};
}

}  // namespace rbit
