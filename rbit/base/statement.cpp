// Of rbit/base/database.h.
#include <sqlite3.h>

#include <string>
#include <utility>

#include "rbit/base/database.h"
#include "rbit/base/sqlite_codes.h"

namespace rbit {

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
    return Error{database_->path_,
                 std::string(statement_ == nullptr ? "preparing: " : "binding a value: ") +
                     sqlite3_errstr(refused_),
                 sqlite::cure_of(refused_)};
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

std::string_view Statement::view(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

}  // namespace rbit
