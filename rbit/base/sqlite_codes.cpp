#include "rbit/base/sqlite_codes.h"

#include <sqlite3.h>

namespace rbit::sqlite {

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

bool makes_sick(int code) {
  switch (code & 0xFF) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return true;
    default:
      return false;
  }
}

int system_errno(sqlite3* handle, int code) {
  const int kind = code & 0xFF;
  return kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN ? sqlite3_system_errno(handle) : 0;
}

}  // namespace rbit::sqlite
